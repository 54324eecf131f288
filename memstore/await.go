package memstore

import (
	"context"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// minEvery bounds what a waiter costs that asks to look all the time.
const minEvery = time.Millisecond

// Await implements [eventstore.Checkpoints]. Done is called by the caller's goroutine. A change by any method wakes it
// at once; that a lease has run out by the target's clock is seen when it looks, once in every, but not more often than
// each millisecond.
func (t *Target) Await(
	ctx context.Context, consumer eventstore.ConsumerID, every time.Duration, done func([]eventstore.Checkpoint) bool,
) ([]eventstore.Checkpoint, error) {
	look := time.NewTicker(max(every, minEvery))
	defer look.Stop()
	var seen []eventstore.Checkpoint
	for {
		if err := ctx.Err(); err != nil {
			return seen, doing("await the checkpoints of", consumer, err)
		}
		changed := t.changes() // before it looks, to miss nothing in between
		seen = t.checkpoints(consumer)
		if done(seen) {
			return seen, nil
		}
		select {
		case <-changed:
		case <-look.C:
		case <-ctx.Done():
		}
	}
}
