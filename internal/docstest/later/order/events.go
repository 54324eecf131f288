// Package order has what happens to orders, some years after the other package of that name.
package order

import "github.com/pasttense/pasttense/eventstore"

// Event is something that has happened to an order.
type Event interface{ order() }

type ItemAdded struct {
	Name     string `json:"name"`
	Quantity int    `json:"quantity"`
	Price    Money  `json:"price"`
}

type Money struct {
	Cents    int64  `json:"cents"`
	Currency string `json:"currency"`
}

type Placed struct {
	Total int64 `json:"total"`
}

type Confirmed struct{}

type Paid struct {
	By string `json:"by"`
}

func (ItemAdded) order() {}
func (Placed) order()    {}
func (Confirmed) order() {}
func (Paid) order()      {}

var Events = eventstore.NewCodec("order", map[string]Event{
	"order.item-added": ItemAdded{},
	"order.placed":     Placed{},
	"order.confirmed":  Confirmed{},
	"order.paid":       Paid{},
}, &eventstore.CodecOptions{Upcasters: upcasters})

var upcasters = []eventstore.Upcaster{
	// The title was called name from version 2 on, and there were quantities.
	eventstore.EditFields("order.item-added", 1, func(f *eventstore.Fields) {
		f.Rename("title", "name")
		f.Default("quantity", 1)
	}),
	// Prices had currencies from version 3 on.
	eventstore.EditFields("order.item-added", 2, func(f *eventstore.Fields) {
		price := f.In("price")
		f.Move("cents", price, "cents")
		price.Default("currency", "EUR")
	}),
	eventstore.RenameType("order.checked-out", 1, "order.placed", 1),
	eventstore.Upcast("order.settled", 1, confirmedAndPaid),
	eventstore.DropType("order.gift-wrapped"),
}

// confirmedAndPaid splits what was one event.
func confirmedAndPaid(settled eventstore.RecordedEvent) ([]eventstore.RecordedEvent, error) {
	confirmed, paid := settled, settled
	confirmed.Type, confirmed.Data = "order.confirmed", []byte(`{}`)
	paid.Type = "order.paid"
	return []eventstore.RecordedEvent{confirmed, paid}, nil
}
