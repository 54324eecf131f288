// Package order has what happens to orders.
package order

import "github.com/pasttense/pasttense/eventstore"

// Event is something that has happened to an order.
type Event interface{ order() }

type ItemAdded struct {
	Name string `json:"name"`
}

type CheckedOut struct {
	Total int64 `json:"total"` // in cents
}

type Confirmed struct{}

func (ItemAdded) order()  {}
func (CheckedOut) order() {}
func (Confirmed) order()  {}

// Events names the events as they are stored. A name is never changed and never used again for something else.
var Events = eventstore.JSON("order", map[string]Event{
	"order.item-added":  ItemAdded{},
	"order.checked-out": CheckedOut{},
	"order.confirmed":   Confirmed{},
})
