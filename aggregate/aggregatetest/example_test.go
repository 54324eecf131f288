package aggregatetest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pasttense/pasttense/aggregate/aggregatetest"
)

// In a test, t is its *testing.T. This one prints what a failure looks like.
func Example() {
	var t testing.TB = printer{}
	orders := aggregatetest.For[Order](t, Events)

	orders.Given(ItemAdded{ItemID: socks, Name: "Socks"}).
		When(AddItem{ItemID: socks, Name: "Socks"}).
		Then()

	orders.Given().
		When(Checkout{}).
		ThenError(ErrEmpty)

	orders.Given().
		When(AddItem{ItemID: socks, Name: "Socks"}, AddItem{ItemID: shorts, Name: "Shorts"}).
		Then(ItemAdded{ItemID: socks, Name: "Shoes"})

	// Output:
	// the commands recorded other events (- expected, + recorded):
	//       aggregatetest_test.ItemAdded
	//         ItemID: 36176af9-a04f-40f3-805e-7fb9487f91d0
	//     -   Name: "Shoes"
	//     +   Name: "Socks"
	//     + aggregatetest_test.ItemAdded
	//     +   ItemID: 8151c2fc-6e3c-4285-a1b0-a00c194cd5ac
	//     +   Name: "Shorts"
}

type printer struct{ testing.TB }

func (printer) Helper()                           {}
func (printer) Context() context.Context          { return context.Background() }
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
