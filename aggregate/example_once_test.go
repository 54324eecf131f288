package aggregate_test

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/memstore"
)

// A checkout that is delivered twice is executed once, and answered as if nothing had happened since.
func ExampleRepository_ExecuteOnce() {
	ctx := context.Background()
	orders := aggregate.New[Order](memstore.New(nil), Events, nil)
	message := uuid.MustParse("01939b2c-7d80-7cc3-98c4-dc0c0c07398f")

	for range 2 {
		result, err := orders.ExecuteOnce(ctx, message, "42", AddItem{"Socks"}, Checkout{})
		fmt.Println(result.State, result.Version, result.Repeated, err)
	}

	// Output:
	// {[Socks] true} 2 false <nil>
	// {[Socks] true} 2 true <nil>
}
