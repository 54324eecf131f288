package readmodel

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/projection"
)

// patience is how long a query waits for the populator.
const patience = 2 * time.Second

// What a query may be answered with, besides the store's errors.
var (
	ErrUnknown = errors.New("the order is unknown")
	ErrCursor  = errors.New("the cursor is not a checked-out order")
	ErrBehind  = errors.New("the read model is behind, and did not catch up in time")
)

// Reader reads the views as they are now. It is safe for concurrent use.
type Reader interface {
	// Order returns the view of an order, and the zero view when there is none (yet).
	Order(ctx context.Context, id uuid.UUID) (Order, error)
	// CheckedOut returns up to limit orders that are checked out or confirmed, the latest checkout first, of those
	// whose checkout lies before a position.
	CheckedOut(ctx context.Context, before eventstore.Position, limit int) ([]Order, error)
}

// Query answers what clients ask. An answer includes every event that was recorded before the question, through
// whichever process: where the views are behind the events, it waits for the difference. It is safe for concurrent
// use.
type Query struct {
	store       eventstore.Store
	checkpoints eventstore.Checkpoints
	views       Reader
}

// NewQuery returns the queries on views that a populator makes from the store. The checkpoints are the populator's.
func NewQuery(store eventstore.Store, checkpoints eventstore.Checkpoints, views Reader) *Query {
	return &Query{store: store, checkpoints: checkpoints, views: views}
}

// Order returns an order.
func (q *Query) Order(ctx context.Context, id uuid.UUID) (Order, error) {
	var last eventstore.RecordedEvent // of the order
	lastOnly := eventstore.ReadOptions{Backwards: true, Limit: 1}
	for event, err := range q.store.ReadStream(ctx, order.Stream(id), lastOnly) {
		if err != nil {
			return Order{}, err
		}
		last = event
	}
	if last.Version == 0 {
		return Order{}, ErrUnknown
	}
	view, err := q.views.Order(ctx, id)
	if err != nil || view.Version >= last.Version {
		return view, err
	}
	if err := q.await(ctx, last.Position); err != nil {
		return Order{}, err
	}
	return q.views.Order(ctx, id)
}

// CheckedOut returns the orders that are checked out or confirmed, the latest checkout first: up to limit of those that
// follow the order after, or of all when after is the zero UUID.
func (q *Query) CheckedOut(ctx context.Context, after uuid.UUID, limit int) ([]Order, error) {
	head, err := q.store.Head(ctx)
	if err != nil {
		return nil, err
	}
	if err := q.await(ctx, head); err != nil {
		return nil, err
	}
	before := eventstore.Position(math.MaxInt64)
	if after != uuid.Nil {
		cursor, err := q.views.Order(ctx, after)
		if err != nil {
			return nil, err
		}
		if before = cursor.CheckoutPosition; before == 0 {
			return nil, ErrCursor
		}
	}
	return q.views.CheckedOut(ctx, before, limit)
}

// await waits until the views include a position.
func (q *Query) await(ctx context.Context, position eventstore.Position) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := projection.WaitFor(waiting, q.checkpoints, populatorName, position)
	if errors.Is(err, eventstore.ErrPaused) || errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrBehind, err)
	}
	return err
}
