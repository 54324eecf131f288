// Package readmodel keeps what clients look at: a view of each order. A projection, the populator, makes the views
// from the orders' events, a moment after they were recorded. [Query] reads them, and never shows a client less than
// the client has done.
package readmodel

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/money"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/projection"
)

// populatorName is what the populator's checkpoint is kept under.
const populatorName = "orders"

// Order is the view of an order.
type Order struct {
	ID         uuid.UUID
	Status     order.Status
	Items      []Item // in the order in which they were added
	TotalPrice money.Amount
	OrderDate  *time.Time // of the checkout, nil before
	// CheckoutPosition is where the checkout stands among all events, 0 before. Lists are sorted by it.
	CheckoutPosition eventstore.Position
	// Version is that of the last of the order's events that the view includes.
	Version eventstore.Version
}

// Item is an item in a view.
type Item struct {
	ID   uuid.UUID `json:"id"`
	Name string    `json:"name"`
}

// after returns the view with an event added to it.
func (o Order) after(e eventstore.Envelope[order.Event]) Order {
	switch event := e.Event.(type) {
	case order.ItemAdded:
		o.Status = order.StatusInProgress
		// Clip makes append copy: the view before this event may be in a reader's hands.
		o.Items = append(slices.Clip(o.Items), Item{ID: event.ItemID, Name: event.Name})
	case order.CheckedOut:
		o.Status = order.StatusCheckedOut
		o.TotalPrice = event.TotalPrice
		o.OrderDate = &e.RecordedAt
		o.CheckoutPosition = e.Position
	case order.Confirmed:
		o.Status = order.StatusConfirmed
	}
	o.Version = e.Version
	return o
}

// Table is where the populator keeps the views. Tx is the transaction in which it changes a view and moves its
// checkpoint: both happen, or neither.
type Table[Tx any] interface {
	Load(ctx context.Context, tx Tx, id uuid.UUID) (Order, error) // the zero view when there is none
	Save(ctx context.Context, tx Tx, view Order) error
}

// NewPopulator returns the projection that makes the views from the events of all orders. It may run in as many
// processes as you like.
func NewPopulator[Tx any](
	store eventstore.Store, target eventstore.Target[Tx], views Table[Tx], opts *projection.Options,
) *projection.Projection[Tx] {
	populate := func(ctx context.Context, tx Tx, e eventstore.Envelope[order.Event]) error {
		id, err := uuid.Parse(e.Stream.Key)
		if err != nil {
			return fmt.Errorf("stream %q is not that of an order: %w", e.Stream, err)
		}
		view, err := views.Load(ctx, tx, id)
		if err != nil {
			return err
		}
		view.ID = id
		return views.Save(ctx, tx, view.after(e))
	}
	populator := projection.New(populatorName, store, target, opts)
	projection.On(populator, order.Events, populate)
	return populator
}
