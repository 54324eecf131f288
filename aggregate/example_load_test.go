package aggregate_test

import (
	"context"
	"fmt"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/memstore"
)

// Every state that an order ever had can be looked at.
func ExampleRepository_LoadAt() {
	ctx := context.Background()
	orders := aggregate.New[Order](memstore.New(nil), Events, nil)
	now, err := orders.Execute(ctx, "42", AddItem{"Socks"}, AddItem{"Shirt"}, Checkout{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for version := range now.Version + 1 {
		then, err := orders.LoadAt(ctx, "42", aggregate.AtVersion(version))
		fmt.Println(version, then.State, err)
	}

	// Output:
	// 0 {[] false} <nil>
	// 1 {[Socks] false} <nil>
	// 2 {[Socks Shirt] false} <nil>
	// 3 {[Socks Shirt] true} <nil>
}
