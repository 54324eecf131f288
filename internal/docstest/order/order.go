package order

import (
	"errors"
	"slices"
)

// Order is what commands need to know of an order.
type Order struct {
	Items      []string
	CheckedOut bool
	Confirmed  bool
}

// Evolve returns the order after an event. It cannot fail: the event has happened.
func (o Order) Evolve(event Event) Order {
	switch e := event.(type) {
	case ItemAdded:
		o.Items = append(o.Items, e.Name)
	case CheckedOut:
		o.CheckedOut = true
	case Confirmed:
		o.Confirmed = true
	}
	return o
}

var (
	ErrCheckedOut    = errors.New("the order is checked out")
	ErrNotCheckedOut = errors.New("the order is not checked out")
	ErrEmpty         = errors.New("the order has no items")
)

type AddItem struct{ Name string }

// Decide returns the events that the command leads to, none where there is nothing to do, or why it is refused.
func (c AddItem) Decide(o Order) ([]Event, error) {
	switch {
	case o.CheckedOut:
		return nil, ErrCheckedOut
	case slices.Contains(o.Items, c.Name):
		return nil, nil
	}
	return []Event{ItemAdded{Name: c.Name}}, nil
}

type Checkout struct{ Total int64 }

func (c Checkout) Decide(o Order) ([]Event, error) {
	switch {
	case o.CheckedOut:
		return nil, ErrCheckedOut
	case len(o.Items) == 0:
		return nil, ErrEmpty
	}
	return []Event{CheckedOut{Total: c.Total}}, nil
}

type Confirm struct{}

func (Confirm) Decide(o Order) ([]Event, error) {
	switch {
	case !o.CheckedOut:
		return nil, ErrNotCheckedOut
	case o.Confirmed:
		return nil, nil
	}
	return []Event{Confirmed{}}, nil
}
