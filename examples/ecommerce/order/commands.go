package order

import (
	"errors"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/examples/ecommerce/money"
)

// What an order refuses.
var (
	ErrUnknown       = errors.New("the order is unknown")
	ErrCheckedOut    = errors.New("the order is checked out")
	ErrNotCheckedOut = errors.New("the order is not checked out")
	// ErrUnpriced means that an item was added after the prices were looked up. Look them up again.
	ErrUnpriced = errors.New("an item of the order has no price")
)

// AddItem puts a product on an order, and creates the order with the first one. A product that is on the order
// already is not added again, which is no error.
type AddItem struct {
	ItemID uuid.UUID
	Name   string
}

// Decide implements aggregate.Command.
func (c AddItem) Decide(o Order) ([]Event, error) {
	switch {
	case o.Status == StatusCheckedOut || o.Status == StatusConfirmed:
		return nil, ErrCheckedOut
	case o.Has(c.ItemID):
		return nil, nil
	}
	return []Event{ItemAdded(c)}, nil
}

// Checkout closes an order for more items, and makes the sum of its items' prices final.
type Checkout struct {
	Prices map[uuid.UUID]money.Amount // of each item of the order; others are ignored
}

// Decide implements aggregate.Command.
func (c Checkout) Decide(o Order) ([]Event, error) {
	switch o.Status {
	case StatusInProgress:
	case StatusCheckedOut, StatusConfirmed:
		return nil, ErrCheckedOut
	default:
		return nil, ErrUnknown
	}
	var total money.Amount
	for _, item := range o.Items {
		price, found := c.Prices[item.ID]
		if !found {
			return nil, ErrUnpriced
		}
		total += price
	}
	return []Event{CheckedOut{TotalPrice: total}}, nil
}

// Confirm completes the checkout of an order. Confirming it again is no error and changes nothing.
type Confirm struct{}

// Decide implements aggregate.Command.
func (Confirm) Decide(o Order) ([]Event, error) {
	switch o.Status {
	case StatusCheckedOut:
		return []Event{Confirmed{}}, nil
	case StatusConfirmed:
		return nil, nil
	default:
		return nil, ErrNotCheckedOut
	}
}
