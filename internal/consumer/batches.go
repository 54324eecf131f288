package consumer

import (
	"context"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// batchEvents is how many events are enough for a transaction: what has been read meanwhile is not added to them.
	batchEvents = 1000
	// idleMoves is how often a checkpoint moves at most past events that are not for the partition.
	idleMoves = 50 * time.Millisecond
)

// batches reads a subscription ahead of who handles it: while a batch is handled the next ones are read.
type batches struct {
	stop context.CancelFunc
	next chan eventstore.Batch
	err  chan error // has one when next was closed
}

// read begins after a position. The caller calls close.
func read(ctx context.Context, store eventstore.Store, after eventstore.Position, filter eventstore.Filter) *batches {
	ctx, stop := context.WithCancel(ctx)
	b := &batches{stop: stop, next: make(chan eventstore.Batch, 1), err: make(chan error, 1)}
	go func() {
		defer close(b.next)
		b.err <- b.run(ctx, store, after, filter)
	}()
	return b
}

func (b *batches) run(
	ctx context.Context, store eventstore.Store, at eventstore.Position, filter eventstore.Filter,
) error {
	for batch, err := range store.Subscribe(ctx, at, filter) {
		if err != nil {
			return fmt.Errorf("read events after position %d: %w", at, err)
		}
		at = max(at, batch.Through)
		select {
		case b.next <- batch:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("read events after position %d: the subscription has ended", at)
}

// close returns when the reading has ended.
func (b *batches) close() {
	b.stop()
	for range b.next { // what was read and is not wanted any more
	}
}

// poll returns the next batch if it has been read already.
func (b *batches) poll() (eventstore.Batch, bool) {
	select {
	case batch, ok := <-b.next:
		return batch, ok
	default:
		return eventstore.Batch{}, false
	}
}
