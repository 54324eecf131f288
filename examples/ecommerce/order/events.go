package order

import (
	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/money"
)

// Event is something that has happened to an order. The unexported method closes the set: the events are those below.
type Event interface{ order() }

// ItemAdded says that an item is on the order. The first one creates the order.
type ItemAdded struct {
	ItemID uuid.UUID `json:"item_id"`
	Name   string    `json:"name"`
}

// CheckedOut says that the order takes no more items, and that its price is final.
type CheckedOut struct {
	TotalPrice money.Amount `json:"total_price"` // in minor units
}

// Confirmed says that the checkout is complete: the customer has been told.
type Confirmed struct{}

func (ItemAdded) order()  {}
func (CheckedOut) order() {}
func (Confirmed) order()  {}

// Events names the events as they are stored, in streams of the category "order" whose key is the order's UUID.
// A name is never changed and never used for something else: there are events that bear it.
var Events = eventstore.JSON("order", map[string]Event{
	"order.item-added":  ItemAdded{},
	"order.checked-out": CheckedOut{},
	"order.confirmed":   Confirmed{},
})

// Stream names the stream that an order's events are in.
func Stream(id uuid.UUID) eventstore.StreamID {
	return eventstore.StreamID{Category: Events.Category(), Key: id.String()}
}
