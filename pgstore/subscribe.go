package pgstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// Subscribe implements [eventstore.Store]. It holds no connection while the caller's loop body runs or while it waits.
//
// Subscriptions that have caught up are served from memory, by one look at the database for all of the store's. One
// whose loop body is slow costs the others nothing: it goes on with queries of its own until it has caught up again.
func (s *Store) Subscribe(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.Batch, error] {
	filter = eventstore.Filter{Categories: slices.Clone(filter.Categories), Types: slices.Clone(filter.Types)}
	return func(yield func(eventstore.Batch, error) bool) {
		sub := &subscription{store: s, filter: filter, position: after, yield: yield}
		defer s.tail.leave(sub)
		if err := sub.run(ctx); !errors.Is(err, errEnough) {
			yield(eventstore.Batch{}, fmt.Errorf("subscription at position %d: %w", sub.position, err))
		}
	}
}

// errEnough means that the caller has left its loop.
var errEnough = errors.New("the subscriber has had enough")

// subscription is one loop over [Store.Subscribe].
type subscription struct {
	store  *Store
	filter eventstore.Filter
	yield  func(eventstore.Batch, error) bool

	position eventstore.Position // all selected events up to here were yielded
	head     eventstore.Position // the highest committed position that was seen
	caughtUp bool                // as it was told
	begun    bool                // something was told

	counted bool // among the tail's interests; the tail's
}

// run returns why it ended, errEnough included.
func (sub *subscription) run(ctx context.Context) error {
	query, err := sub.store.newAllQuery(sub.position, sub.filter)
	if err != nil {
		return err
	}
	for {
		live, err := sub.readAlone(ctx, query)
		if err != nil {
			return err
		}
		if err := sub.follow(ctx, live); err != nil {
			return err
		}
		sub.store.tail.leave(sub)
	}
}

// readAlone looks at the database for this subscription alone, until it has come to where it can join the others.
func (sub *subscription) readAlone(ctx context.Context, query allQuery) (*live, error) {
	watch, pages := newWatch(sub.store), newLonePager()
	for {
		wake := sub.store.wake.next()
		view, err := sub.store.look(ctx, query, sub.position, pages.limit)
		if err != nil {
			return nil, err
		}
		watch.looked(view, wake)
		if err := sub.tell(view.page.events, view.through(sub.position), view.head); err != nil {
			return nil, err
		}
		if live := sub.store.tail.join(sub, view.page.full, watch); live != nil {
			return live, nil
		}
		if view.page.full {
			pages.read(view.page)
		}
		if err := watch.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// follow tells what the tail reads. It returns nil when the subscription must go on by itself.
func (sub *subscription) follow(ctx context.Context, live *live) error {
	for {
		if err := sub.ended(ctx); err != nil {
			return err
		}
		news, ok := live.after(sub.position, sub.filter)
		if !ok {
			return nil
		}
		progress := news.through > sub.position
		if err := sub.tell(news.events, news.through, news.head); err != nil {
			return err
		}
		if progress {
			continue
		}
		if err := live.await(ctx, sub.position, news.changed); err != nil {
			return err
		}
	}
}

// ended returns why the subscription ends now, nil when it goes on.
func (sub *subscription) ended(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-sub.store.closing:
		return eventstore.ErrClosed
	default:
		return nil
	}
}

// tell yields a batch if it says something new: through is at or above the position.
func (sub *subscription) tell(events []eventstore.RecordedEvent, through, head eventstore.Position) error {
	sub.head = max(sub.head, head) // the tail may have looked before this subscription did
	caughtUp := through >= sub.head
	if sub.begun && through == sub.position && caughtUp == sub.caughtUp {
		return nil
	}
	sub.begun, sub.position, sub.caughtUp = true, through, caughtUp
	if !sub.yield(eventstore.Batch{Events: events, Through: through, CaughtUp: caughtUp}, nil) {
		return errEnough
	}
	return nil
}
