package aggregatetest_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

type Event interface{ order() }

type (
	ItemAdded struct {
		ItemID uuid.UUID `json:"itemId"`
		Name   string    `json:"name"`
	}
	CheckedOut struct {
		Total int       `json:"total"`
		At    time.Time `json:"at"`
		Tags  []string  `json:"tags"`
	}
	// Lossy loses a field when it is stored.
	Lossy struct {
		Kept int
		lost int
	}
)

func (ItemAdded) order()  {}
func (CheckedOut) order() {}
func (Lossy) order()      {}

var Events = eventstore.JSON("order", map[string]Event{
	"order.item-added":  ItemAdded{},
	"order.checked-out": CheckedOut{},
	"order.lossy":       Lossy{},
})

type Order struct {
	Items      []string
	CheckedOut bool
	note       string
}

func (o Order) Evolve(event Event) Order {
	switch event := event.(type) {
	case ItemAdded:
		o.Items = append(o.Items, event.Name)
	case CheckedOut:
		o.CheckedOut = true
		o.note = "done"
	case Lossy:
	}
	return o
}

type AddItem struct {
	ItemID uuid.UUID
	Name   string
}

// CheckedOutError has more to tell than errors.Is can ask for.
type CheckedOutError struct{ Items []string }

func (e CheckedOutError) Error() string {
	return fmt.Sprintf("the order of %v is checked out", e.Items)
}

func (c AddItem) Decide(o Order) ([]Event, error) {
	if o.CheckedOut {
		return nil, CheckedOutError{o.Items}
	}
	if slices.Contains(o.Items, c.Name) {
		return nil, nil
	}
	return []Event{ItemAdded(c)}, nil
}

var (
	ErrEmpty = errors.New("the order is empty")
	ErrOther = errors.New("another error")
)

type Checkout struct {
	Total int
	At    time.Time
	Tags  []string
}

func (c Checkout) Decide(o Order) ([]Event, error) {
	if len(o.Items) == 0 {
		return nil, ErrEmpty
	}
	return []Event{CheckedOut(c)}, nil
}

// Decides is a command that decides these events.
type Decides []Event

func (c Decides) Decide(Order) ([]Event, error) { return c, nil }

var (
	socks  = uuid.MustParse("36176af9-a04f-40f3-805e-7fb9487f91d0")
	shorts = uuid.MustParse("8151c2fc-6e3c-4285-a1b0-a00c194cd5ac")
)
