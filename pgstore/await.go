package pgstore

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// minLookInterval is the least time between the beginnings of two looks.
const minLookInterval = 2 * time.Millisecond

// lookout lets any number of callers wait for checkpoints at the cost of about one. It has no goroutine of its own: one
// of those who wait leads. It looks for all of them and tells each what it waits for, and when it goes it hands the lead
// to another.
type lookout struct {
	look func(ctx context.Context, consumers []eventstore.ConsumerID) (checkpointsOf, error)
	// stirred has a token when the next look should not wait: something has changed, or somebody new waits.
	stirred chan struct{}

	mu       sync.Mutex
	waiting  map[*waiter]struct{}
	names    map[string]int // how many wait for consumers of a name
	leader   *waiter        // nil while nobody waits
	lookedAt time.Time      // when the last look began
}

// checkpointsOf are checkpoints by the consumers that they were asked for.
type checkpointsOf = map[eventstore.ConsumerID][]eventstore.Checkpoint

// waiter is a call of await.
type waiter struct {
	consumer eventstore.ConsumerID
	every    time.Duration
	done     func([]eventstore.Checkpoint) bool

	lead chan struct{} // has a token when it is to lead
	told chan error    // gets what its wait ends with, when that is not the context

	due time.Time // when it wants the next look; guarded by lookout.mu

	mu    sync.Mutex // held while done is called
	ended bool       // nothing is to be told any more
	seen  []eventstore.Checkpoint
}

func newLookout(
	look func(ctx context.Context, consumers []eventstore.ConsumerID) (checkpointsOf, error),
) *lookout {
	return &lookout{
		look:    look,
		stirred: make(chan struct{}, 1),
		waiting: make(map[*waiter]struct{}),
		names:   make(map[string]int),
	}
}

// await returns the checkpoints of a consumer as soon as done says so, and what was seen last when that fails.
func (l *lookout) await(
	ctx context.Context, consumer eventstore.ConsumerID, every time.Duration, done func([]eventstore.Checkpoint) bool,
) ([]eventstore.Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &waiter{
		consumer: consumer,
		every:    max(every, minLookInterval),
		done:     done,
		lead:     make(chan struct{}, 1),
		told:     make(chan error, 1),
	}
	l.join(w)
	defer l.leave(w)
	var err error
	select {
	case err = <-w.told:
	case <-w.lead:
		err = l.leadUntilTold(ctx, w)
	case <-ctx.Done():
		err = ctx.Err()
	}
	return w.end(), err
}

// end makes sure that done is not called any more, and returns what was seen last, as the caller's own.
func (w *waiter) end() []eventstore.Checkpoint {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	return slices.Clone(w.seen)
}

// tell ends the wait when done says so or the look has failed.
func (w *waiter) tell(seen []eventstore.Checkpoint, failed error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	if failed == nil {
		w.seen = seen
		if !w.done(seen) {
			return
		}
	}
	w.ended = true
	w.told <- failed
}

// nudge lets those who wait for the consumers look soon.
func (l *lookout) nudge(consumers ...eventstore.ConsumerID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.ContainsFunc(consumers, func(id eventstore.ConsumerID) bool { return l.names[id.Name] > 0 }) {
		l.stir()
	}
}

func (l *lookout) stir() {
	select {
	case l.stirred <- struct{}{}:
	default:
	}
}

func (l *lookout) join(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting[w] = struct{}{}
	l.names[w.consumer.Name]++
	l.stir()
	if l.leader == nil {
		l.promote(w)
	}
}

func (l *lookout) promote(w *waiter) {
	l.leader = w
	w.lead <- struct{}{}
}

func (l *lookout) leave(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, w)
	l.names[w.consumer.Name]--
	if l.names[w.consumer.Name] == 0 {
		delete(l.names, w.consumer.Name)
	}
	if l.leader != w {
		return
	}
	l.leader = nil
	for next := range l.waiting {
		l.promote(next)
		break
	}
}

// leadUntilTold looks for all who wait until it was told something itself.
func (l *lookout) leadUntilTold(ctx context.Context, leader *waiter) error {
	for {
		select { // the look of the one who led before may have told it
		case err := <-leader.told:
			return err
		default:
		}
		if err := l.rest(ctx, leader); err != nil {
			l.stir() // it may have taken the token
			return err
		}
		waiting, consumers := l.begin()
		seen, err := l.look(ctx, consumers)
		if ctx.Err() != nil {
			l.stir() // the others have not been told what they joined for
			return ctx.Err()
		}
		for _, w := range waiting {
			w.tell(seen[w.consumer], err)
		}
	}
}

// rest waits until the next look is due.
func (l *lookout) rest(ctx context.Context, leader *waiter) error {
	l.mu.Lock()
	due := leader.due
	for w := range l.waiting {
		if w.due.Before(due) {
			due = w.due
		}
	}
	earliest := l.lookedAt.Add(minLookInterval)
	l.mu.Unlock()
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.stirred:
	case <-ctx.Done():
		return ctx.Err()
	}
	if wait := time.Until(earliest); wait > 0 {
		return sleep(ctx, wait)
	}
	return nil
}

// begin begins a look, and returns for whom. What comes later stirs the next one.
func (l *lookout) begin() ([]*waiter, []eventstore.ConsumerID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.stirred:
	default:
	}
	l.lookedAt = time.Now()
	consumers := make(map[eventstore.ConsumerID]struct{})
	for w := range l.waiting {
		w.due = l.lookedAt.Add(w.every)
		consumers[w.consumer] = struct{}{}
	}
	return slices.Collect(maps.Keys(l.waiting)), slices.Collect(maps.Keys(consumers))
}
