package pgstore

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// While an append in flight holds the stable bound back, nobody tells when it ends, least of all when it dies: a
// subscription looks again after the first pause, and then less and less often.
const (
	firstRelook = 2 * time.Millisecond
	maxRelook   = 25 * time.Millisecond
)

// Subscribe implements [eventstore.Store]. It holds no connection while the caller's loop body runs or while it waits.
func (s *Store) Subscribe(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.Batch, error] {
	return func(yield func(eventstore.Batch, error) bool) {
		subscription := &subscription{store: s, position: after, pages: newPager(), relook: firstRelook}
		if err := subscription.run(ctx, filter, yield); err != nil {
			yield(eventstore.Batch{}, fmt.Errorf("subscription at position %d: %w", subscription.position, err))
		}
	}
}

type subscription struct {
	store    *Store
	position eventstore.Position // all selected events up to here were yielded
	pages    pager
	relook   time.Duration
}

// run returns nil when yield has had enough.
func (sub *subscription) run(
	ctx context.Context, filter eventstore.Filter, yield func(eventstore.Batch, error) bool,
) error {
	query, err := sub.store.newAllQuery(sub.position, filter)
	if err != nil {
		return err
	}
	for first, caughtUp := true, false; ; first = false {
		wake := sub.store.wake.next() // before the look, so that what comes after it is not slept through
		view, err := sub.store.look(ctx, query, sub.position, sub.pages.limit)
		if err != nil {
			return err
		}
		batch := eventstore.Batch{Events: view.page.events, Through: view.through(sub.position)}
		batch.CaughtUp = batch.Through >= view.head
		if first || batch.Through > sub.position || batch.CaughtUp != caughtUp {
			sub.position, caughtUp = batch.Through, batch.CaughtUp
			if !yield(batch, nil) {
				return nil
			}
		}
		if view.page.full {
			sub.pages.read(view.page)
			continue
		}
		if err := sub.wait(ctx, wake, view.heldBack); err != nil {
			return err
		}
	}
}

// wait returns when it is time for another look.
func (sub *subscription) wait(ctx context.Context, wake <-chan struct{}, heldBack bool) error {
	pause := sub.store.options.PollInterval
	if heldBack {
		pause = min(pause, sub.relook)
		sub.relook = min(2*sub.relook, maxRelook)
	} else {
		sub.relook = firstRelook
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-wake:
		sub.relook = firstRelook
		return nil
	case <-timer.C:
		return nil
	case <-sub.store.closing:
		return eventstore.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
