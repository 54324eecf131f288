package pgstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// minLookInterval is the least time between the beginnings of two rounds.
const minLookInterval = 2 * time.Millisecond

// lookout lets any number of callers wait for checkpoints at the cost of about one. It has no goroutine of its own: one
// of those who wait leads. It looks for all of them and tells each what it waits for, and when it goes it hands the lead
// to another.
//
// What this process moves needs no look: it is told from the move itself. A look is for what others do, and for all that
// is not a move.
type lookout struct {
	look func(ctx context.Context, consumers []eventstore.ConsumerID) (checkpointsOf, error)
	// stirred has a token when the next round should not wait.
	stirred chan struct{}

	mu      sync.Mutex
	awaited map[string][]*awaited // by the consumers' name
	leader  *waiter               // nil while nobody waits
	begun   time.Time             // when the last round began
}

// checkpointsOf are checkpoints by the consumers that they were asked for.
type checkpointsOf = map[eventstore.ConsumerID][]eventstore.Checkpoint

func newLookout(
	look func(ctx context.Context, consumers []eventstore.ConsumerID) (checkpointsOf, error),
) *lookout {
	return &lookout{look: look, stirred: make(chan struct{}, 1), awaited: make(map[string][]*awaited)}
}

// await returns the checkpoints of a consumer as soon as done says so, and what was seen last when that fails.
func (l *lookout) await(
	ctx context.Context, consumer eventstore.ConsumerID, every time.Duration, done func([]eventstore.Checkpoint) bool,
) ([]eventstore.Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := newWaiter(every, done)
	a := l.join(consumer, w)
	defer l.leave(a, w)
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

// nudge has the consumers looked at soon for those who wait for them, and for other versions of theirs.
func (l *lookout) nudge(consumers ...eventstore.ConsumerID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, consumer := range consumers {
		for _, a := range l.awaited[consumer.Name] {
			a.due = time.Time{}
			l.stir()
		}
	}
}

// moved tells those who wait for a consumer of a move that is committed.
func (l *lookout) moved(m madeMove) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.awaited[m.Consumer.Name] {
		if a.isConcernedBy(m) {
			a.moves = append(a.moves, m)
			l.stir()
		}
	}
}

func (l *lookout) stir() {
	select {
	case l.stirred <- struct{}{}:
	default:
	}
}

func (l *lookout) join(consumer eventstore.ConsumerID, w *waiter) *awaited {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := l.awaited[consumer.Name]
	i := slices.IndexFunc(same, func(a *awaited) bool { return a.consumer == consumer })
	if i < 0 {
		i = len(same)
		same = append(same, &awaited{consumer: consumer, waiting: make(map[*waiter]struct{})})
		l.awaited[consumer.Name] = same
	}
	a := same[i]
	a.waiting[w] = struct{}{}
	a.due = time.Time{}
	l.stir()
	if l.leader == nil {
		l.promote(w)
	}
	return a
}

func (l *lookout) promote(w *waiter) {
	l.leader = w
	w.lead <- struct{}{}
}

func (l *lookout) leave(a *awaited, w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(a.waiting, w)
	if len(a.waiting) == 0 {
		l.remove(a)
	}
	if l.leader == w {
		l.leader = nil
		l.promoteAny()
	}
}

func (l *lookout) remove(a *awaited) {
	name := a.consumer.Name
	left := slices.DeleteFunc(l.awaited[name], func(other *awaited) bool { return other == a })
	if len(left) == 0 {
		delete(l.awaited, name)
	} else {
		l.awaited[name] = left
	}
}

func (l *lookout) promoteAny() {
	for _, same := range l.awaited {
		for w := range same[0].waiting {
			l.promote(w)
			return
		}
	}
}
