package order_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

// What is stored must stay readable for as long as there are orders.
func TestEventsAsTheyAreStored(t *testing.T) {
	for _, test := range []struct {
		event    order.Event
		typeName string
		data     string
	}{
		{socks, "order.item-added", `{"item_id": "36176af9-a04f-40f3-805e-7fb9487f91d0", "name": "Socks"}`},
		{checkedOut, "order.checked-out", `{"total_price": 5999}`},
		{order.Confirmed{}, "order.confirmed", `{}`},
	} {
		stored, err := order.Events.Encode(test.event)
		require.NoError(t, err)
		assert.Equal(t, test.typeName, stored.Type)
		assert.JSONEq(t, test.data, string(stored.Data))
	}
}
