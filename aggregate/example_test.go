package aggregate_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

type Event interface{ order() }

type ItemAdded struct{ Name string }

type CheckedOut struct{}

func (ItemAdded) order()  {}
func (CheckedOut) order() {}

var Events = eventstore.JSON("order", map[string]Event{
	"order.item-added":  ItemAdded{},
	"order.checked-out": CheckedOut{},
})

type Order struct {
	Items      []string
	CheckedOut bool
}

func (o Order) Evolve(event Event) Order {
	switch event := event.(type) {
	case ItemAdded:
		o.Items = append(o.Items, event.Name)
	case CheckedOut:
		o.CheckedOut = true
	}
	return o
}

type AddItem struct{ Name string }

func (c AddItem) Decide(o Order) ([]Event, error) {
	if o.CheckedOut {
		return nil, errors.New("the order is checked out")
	}
	return []Event{ItemAdded(c)}, nil
}

type Checkout struct{}

func (Checkout) Decide(Order) ([]Event, error) { return []Event{CheckedOut{}}, nil }

func Example() {
	orders := aggregate.New[Order](memstore.New(nil), Events, nil)

	result, err := orders.Execute(context.Background(), "42", AddItem{"Socks"}, AddItem{"Shirt"}, Checkout{})
	fmt.Println(result.State, result.Version, err)

	_, err = orders.Execute(context.Background(), "42", AddItem{"Shorts"})
	fmt.Println(err)

	// Output:
	// {[Socks Shirt] true} 3 <nil>
	// execute on stream "order-42": aggregate_test.AddItem refused: the order is checked out
}
