package pgstore

import (
	"context"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
)

// tail reads what is new once for all live subscriptions of a store. It has no goroutine of its own: of the
// subscriptions that wait for news one looks at the database, on behalf of all. So it looks only when somebody waits,
// and a subscription that is busy with its loop body neither delays nor drives it.
type tail struct {
	store *Store

	mu        sync.Mutex
	interests interests
	counted   int   // the subscriptions that the interests are of
	live      *live // nil when there is nobody to serve, and after an error
}

// join returns where a subscription that has looked by itself can go on, nil when there is no such place: it must look
// again. The tail reads for it from now on, also when it could not join yet. A full look is one that has not brought
// all: who is that far behind is read for only when the window has everything that it lacks.
func (t *tail) join(sub *subscription, full bool, watch watch) *live {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live == nil && !full {
		t.live = newLive(t, sub.position, watch)
	}
	joins := t.live != nil && t.live.has(sub.position, sub.filter)
	if (joins || !full) && !sub.counted {
		sub.counted = true
		t.counted++
		t.interests.add(sub.filter, 1)
	}
	if !joins {
		return nil
	}
	return t.live
}

// leave ends what join began. The last one to leave takes the window along.
func (t *tail) leave(sub *subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !sub.counted {
		return
	}
	sub.counted = false
	t.interests.add(sub.filter, -1)
	t.counted--
	if t.counted == 0 {
		t.live = nil
	}
}

// live is a window on the newest events and the means to keep it so. It ends with the first error of a look: its
// subscriptions then look by themselves, each with its own outcome, and those that can go on begin another.
type live struct {
	tail *tail
	turn chan struct{} // holds a token: who takes it looks next

	// Guarded by tail.mu.
	window    window
	head      eventstore.Position // the highest committed position
	selection selection           // what the look at work or the last one selects
	since     eventstore.Position // the window has all after it that the selection selects, but for what it forgot
	version   int                 // of the interests that the selection was made of
	looking   bool
	over      bool
	changed   chan struct{} // closed, and replaced, when a look has brought something or failed

	// Of who has the token.
	query allQuery
	watch watch
	pages pager
	delay delay
}

// newLive returns a window for a subscription that has read everything it selects up to a position.
func newLive(t *tail, position eventstore.Position, watch watch) *live {
	l := &live{
		tail:    t,
		turn:    make(chan struct{}, 1),
		window:  newWindow(position),
		changed: make(chan struct{}),
		watch:   watch,
		pages:   newPager(),
		delay:   newDelay(t.store),
	}
	l.turn <- struct{}{}
	return l
}

// has reports whether a subscription can go on from the window alone. A filter that is new to it is selected from the
// next look on, which begins where the window ends. The caller holds tail.mu.
func (l *live) has(position eventstore.Position, filter eventstore.Filter) bool {
	if l.selection.covers(filter) {
		return position >= max(l.window.start, l.since)
	}
	return position >= l.window.through && !l.looking
}

// news is what the window has for a subscription.
type news struct {
	events  []eventstore.RecordedEvent
	through eventstore.Position // where the subscription is when it has these events
	head    eventstore.Position
	changed <-chan struct{} // closed when there is more
}

// after returns the next selected events after a position. It returns false when the window cannot tell.
func (l *live) after(position eventstore.Position, filter eventstore.Filter) (news, bool) {
	for {
		news, ok := l.next(position)
		news.events = selected(news.events, filter) // without the lock
		if !ok || len(news.events) > 0 || news.through == position {
			return news, ok
		}
		position = news.through
	}
}

func (l *live) next(position eventstore.Position) (news, bool) {
	l.tail.mu.Lock()
	defer l.tail.mu.Unlock()
	events, through, ok := l.window.after(position)
	return news{events: events, through: through, head: l.head, changed: l.changed}, ok && !l.over
}

// await returns when the window may have more than it had for a subscription at a position, or has come to its end.
// When nobody else does, the caller looks for that.
func (l *live) await(ctx context.Context, position eventstore.Position, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
		return l.lookUnless(ctx, changed, position)
	case <-l.tail.store.closing:
		return eventstore.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
