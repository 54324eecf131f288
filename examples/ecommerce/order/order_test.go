package order_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/aggregate/aggregatetest"
	"github.com/pasttense/pasttense/examples/ecommerce/money"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
)

var (
	socks  = order.ItemAdded{ItemID: uuid.MustParse("36176af9-a04f-40f3-805e-7fb9487f91d0"), Name: "Socks"}
	shorts = order.ItemAdded{ItemID: uuid.MustParse("8151c2fc-6e3c-4285-a1b0-a00c194cd5ac"), Name: "Cargo Shorts"}

	prices     = map[uuid.UUID]money.Amount{socks.ItemID: 999, shorts.ItemID: 5000}
	checkedOut = order.CheckedOut{TotalPrice: 5999}
)

func TestAddItem(t *testing.T) {
	orders := aggregatetest.For[order.Order](t, order.Events)

	// The first item creates the order.
	orders.Given().
		When(order.AddItem(socks)).
		Then(socks).
		ThenState(order.Order{Status: order.StatusInProgress, Items: []order.Item{{ID: socks.ItemID, Name: "Socks"}}})

	orders.Given(socks).When(order.AddItem(shorts)).Then(shorts)
	orders.Given(socks, shorts).When(order.AddItem(socks)).Then()
	orders.Given(socks, checkedOut).When(order.AddItem(shorts)).ThenError(order.ErrCheckedOut)
	orders.Given(socks, checkedOut).When(order.AddItem(socks)).ThenError(order.ErrCheckedOut)
	orders.Given(socks, checkedOut, order.Confirmed{}).When(order.AddItem(shorts)).ThenError(order.ErrCheckedOut)
}

func TestCheckout(t *testing.T) {
	orders := aggregatetest.For[order.Order](t, order.Events)
	checkout := order.Checkout{Prices: prices}

	orders.Given(socks, shorts).When(checkout).Then(checkedOut)
	// Prices of what is not on the order do not count.
	orders.Given(socks).When(checkout).Then(order.CheckedOut{TotalPrice: 999})

	orders.Given().When(checkout).ThenError(order.ErrUnknown)
	orders.Given(socks, shorts, checkedOut).When(checkout).ThenError(order.ErrCheckedOut)
	orders.Given(socks, shorts, checkedOut, order.Confirmed{}).When(checkout).ThenError(order.ErrCheckedOut)
	// Somebody has added the shorts since the prices were looked up.
	orders.Given(socks, shorts).
		When(order.Checkout{Prices: map[uuid.UUID]money.Amount{socks.ItemID: 999}}).
		ThenError(order.ErrUnpriced)
}

func TestConfirm(t *testing.T) {
	orders := aggregatetest.For[order.Order](t, order.Events)

	orders.Given(socks, shorts, checkedOut).
		When(order.Confirm{}).
		Then(order.Confirmed{}).
		ThenState(order.Order{
			Status:     order.StatusConfirmed,
			Items:      []order.Item{{ID: socks.ItemID, Name: "Socks"}, {ID: shorts.ItemID, Name: "Cargo Shorts"}},
			TotalPrice: 5999,
		})
	orders.Given(socks, checkedOut, order.Confirmed{}).When(order.Confirm{}).Then()
	orders.Given(socks).When(order.Confirm{}).ThenError(order.ErrNotCheckedOut)
	orders.Given().When(order.Confirm{}).ThenError(order.ErrNotCheckedOut)
}

// Evolve has a case for each event.
func TestNoEventIsForgotten(t *testing.T) {
	aggregatetest.For[order.Order](t, order.Events).Given().Exhaustive()
}

// What is stored must stay readable for as long as there are orders.
func TestEventsAsTheyAreStored(t *testing.T) {
	aggregatetest.For[order.Order](t, order.Events).Golden("testdata/golden", socks, checkedOut, order.Confirmed{})
}

// Whatever is asked of an order, it has each item once, and a price when it takes no more of them.
func TestOrdersStayConsistent(t *testing.T) {
	type command = aggregate.Command[order.Order, order.Event]
	anyCommand := rapid.OneOf(
		rapid.Map(rapid.SampledFrom([]order.ItemAdded{socks, shorts}), func(item order.ItemAdded) command {
			return order.AddItem(item)
		}),
		rapid.Just[command](order.Checkout{Prices: prices}),
		rapid.Just[command](order.Confirm{}),
	)
	consistent := func(o order.Order) error {
		var total money.Amount
		items := make(map[uuid.UUID]bool)
		for _, id := range o.ItemIDs() {
			total += prices[id]
			items[id] = true
		}
		switch {
		case len(items) != len(o.Items):
			return errors.New("an item is there twice")
		case o.Status == "" != (len(items) == 0):
			return errors.New("an order without items is an order that does not exist")
		case o.Status != "" && o.Status != order.StatusInProgress && o.TotalPrice != total:
			return fmt.Errorf("the total is %v instead of %v", o.TotalPrice, total)
		}
		return nil
	}
	rapid.Check(t, func(t *rapid.T) {
		commands := rapid.SliceOf(anyCommand).Draw(t, "commands")
		aggregatetest.For[order.Order](t, order.Events).Given().Holds(consistent, commands...)
	})
}
