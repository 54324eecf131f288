package order_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/aggregate/aggregatetest"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/order"
)

func TestCheckout(t *testing.T) {
	orders := aggregatetest.For[order.Order](t, order.Events)

	orders.Given(order.ItemAdded{Name: "Socks"}).
		When(order.Checkout{Total: 999}).
		Then(order.CheckedOut{Total: 999})

	orders.Given().
		When(order.Checkout{Total: 999}).
		ThenError(order.ErrEmpty)

	orders.Given(order.ItemAdded{Name: "Socks"}).
		When(order.AddItem{Name: "Socks"}).
		Then() // nothing to do
}

type command = aggregate.Command[order.Order, order.Event]

var anyCommand = rapid.OneOf(
	rapid.Map(rapid.SampledFrom([]string{"Socks", "Shirt"}), func(name string) command {
		return order.AddItem{Name: name}
	}),
	rapid.Map(rapid.Int64Range(0, 999), func(total int64) command {
		return order.Checkout{Total: total}
	}),
	rapid.Just[command](order.Confirm{}),
)

func consistent(o order.Order) error {
	if o.Confirmed && !o.CheckedOut || o.CheckedOut && len(o.Items) == 0 {
		return errors.New("the order got here by a way that there is not")
	}
	return nil
}

func TestWhateverIsAskedOfOrders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		commands := rapid.SliceOf(anyCommand).Draw(t, "commands")
		aggregatetest.For[order.Order](t, order.Events).
			Given().
			Kept(eventstore.Format{}). // where snapshots are taken
			Holds(consistent, commands...)
	})
}

func TestNoEventIsForgotten(t *testing.T) {
	aggregatetest.For[order.Order](t, order.Events).Given().Exhaustive()
}

func TestGoldenEvents(t *testing.T) {
	aggregatetest.For[order.Order](t, order.Events).
		Golden("testdata/golden", order.ItemAdded{Name: "Socks"}, order.CheckedOut{Total: 999}).
		Means("order.checked-out.v1.free.json", order.CheckedOut{Total: 0}).
		Folds(0) // the Version of SnapshotOptions
}
