// Package order holds the rules of orders: which events there are, what they make of an order, and what may be done
// with an order they have made. It does no input or output: all of it is pure functions of values.
package order

import (
	"slices"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/examples/ecommerce/money"
)

// Status is how far an order has come. It is empty for an order that does not exist, as nothing was added to it yet.
type Status string

// The life of an order.
const (
	StatusInProgress Status = "IN_PROGRESS"
	StatusCheckedOut Status = "CHECKED_OUT"
	StatusConfirmed  Status = "CONFIRMED"
)

// Order is the state of an order: what its events make of the zero value, and all that commands need to decide.
type Order struct {
	Status     Status
	Items      []Item // in the order in which they were added, each once
	TotalPrice money.Amount
}

// Item is a product that is on an order.
type Item struct {
	ID   uuid.UUID
	Name string
}

// Evolve returns the order as it is after an event. It cannot refuse: the event has happened.
func (o Order) Evolve(event Event) Order {
	switch e := event.(type) {
	case ItemAdded:
		o.Status = StatusInProgress
		o.Items = append(o.Items, Item{ID: e.ItemID, Name: e.Name})
	case CheckedOut:
		o.Status = StatusCheckedOut
		o.TotalPrice = e.TotalPrice
	case Confirmed:
		o.Status = StatusConfirmed
	}
	return o
}

// Has reports whether a product is on the order.
func (o Order) Has(itemID uuid.UUID) bool {
	return slices.ContainsFunc(o.Items, func(item Item) bool { return item.ID == itemID })
}

// ItemIDs returns the IDs of the products on the order.
func (o Order) ItemIDs() []uuid.UUID {
	ids := make([]uuid.UUID, len(o.Items))
	for i, item := range o.Items {
		ids[i] = item.ID
	}
	return ids
}
