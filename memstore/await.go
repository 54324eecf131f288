package memstore

import (
	"context"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// minEvery bounds what a waiter costs that asks to look all the time.
	minEvery = time.Millisecond

	// Who has waited for some time looks once in an eighth of that time, as long as that is not more than maxGrown.
	waitedPerLook = 8
	maxGrown      = 250 * time.Millisecond
)

// Await implements [eventstore.Checkpoints]. Done is called by the caller's goroutine. A change by any method wakes it
// at once; that a lease has run out by the target's clock is seen when it looks: once in every, but not more often than
// each millisecond, and less and less often the longer it waits, as far as the interface allows.
func (t *Target) Await(
	ctx context.Context, consumer eventstore.ConsumerID, every time.Duration, done func([]eventstore.Checkpoint) bool,
) ([]eventstore.Checkpoint, error) {
	begun := time.Now()
	look := time.NewTimer(0)
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
		look.Reset(lookInterval(every, time.Since(begun)))
		select {
		case <-changed:
		case <-look.C:
		case <-ctx.Done():
		}
	}
}

func lookInterval(every, waited time.Duration) time.Duration {
	return max(every, minEvery, min(waited/waitedPerLook, maxGrown))
}
