package aggregatetest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/aggregate/aggregatetest"
)

// In a test, t is its *testing.T. This one prints what a failure looks like.
func Example() {
	var t aggregatetest.TB = printer{}
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

// A generator such as rapid would draw the commands.
func ExampleScenario_Holds() {
	var t aggregatetest.TB = printer{}
	commands := []aggregate.Command[Order, Event]{
		Checkout{}, AddItem{ItemID: socks, Name: "Socks"}, AddItem{ItemID: shorts, Name: "Shorts"},
	}

	aggregatetest.For[Order](t, Events).Given().Holds(func(o Order) error {
		if len(o.Items) > 1 {
			return errors.New("an order is of one item")
		}
		return nil
	}, commands...)

	// Output:
	// the invariant does not hold: an order is of one item
	//     aggregatetest_test.Order
	//       Items: []string
	//         "Socks"
	//         "Shorts"
	//       CheckedOut: false
	//       note: ""
	//     after no events given
	//     1. aggregatetest_test.Checkout: refused: the order is empty
	//          Total: 0
	//          At: 0001-01-01T00:00:00Z
	//          Tags: []
	//     2. aggregatetest_test.AddItem: order.item-added
	//          ItemID: 36176af9-a04f-40f3-805e-7fb9487f91d0
	//          Name: "Socks"
	//     3. aggregatetest_test.AddItem: order.item-added
	//          ItemID: 8151c2fc-6e3c-4285-a1b0-a00c194cd5ac
	//          Name: "Shorts"
}

func ExampleScenario_Exhaustive() {
	var t aggregatetest.TB = printer{}
	orders := aggregatetest.For[Order](t, Events)

	orders.Given().Exhaustive(Lossy{})
	orders.Given().Exhaustive()

	// Output:
	// Evolve does nothing with order.lossy (aggregatetest_test.Lossy): add a case, or name it as ignored. If there is a case, give a past in which it changes the state
}

// The directory has the events that were recorded when this was run for the first time.
func ExampleAggregate_Golden() {
	var t aggregatetest.TB = printer{}

	aggregatetest.For[Order](t, Events).
		Golden("testdata/golden", ItemAdded{ItemID: socks, Name: "Socks"}).
		Means("order.item-added.v1.json", ItemAdded{ItemID: socks, Name: "Shoes"})

	// Output:
	// order.item-added.v1.json means other events (- expected, + decoded):
	//       aggregatetest_test.ItemAdded
	//         ItemID: 36176af9-a04f-40f3-805e-7fb9487f91d0
	//     -   Name: "Shoes"
	//     +   Name: "Socks"
}

type printer struct{}

func (printer) Helper()                           {}
func (printer) Context() context.Context          { return context.Background() }
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (printer) Fatalf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
