package pgstore

import (
	"slices"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// Who has waited for some time is looked for each eighth of that time. So a look that comes too late makes no wait
	// longer by more than that, and a wait for what never comes costs little.
	waitedPerLook = 8
	// maxLookInterval is how far the interval between looks grows by that.
	maxLookInterval = 250 * time.Millisecond
)

// waiter is a call of await.
type waiter struct {
	every time.Duration
	since time.Time
	done  func([]eventstore.Checkpoint) bool

	lead chan struct{} // has a token when it is to lead
	told chan error    // gets what its wait ends with, when that is not the context

	mu    sync.Mutex // held while done is called
	ended bool       // nothing is to be told any more
	seen  []eventstore.Checkpoint
}

func newWaiter(every time.Duration, done func([]eventstore.Checkpoint) bool) *waiter {
	return &waiter{
		every: max(every, minLookInterval),
		since: time.Now(),
		done:  done,
		lead:  make(chan struct{}, 1),
		told:  make(chan error, 1),
	}
}

// interval is how long after a look at some time the waiter wants the next one.
func (w *waiter) interval(looked time.Time) time.Duration {
	return max(w.every, min(looked.Sub(w.since)/waitedPerLook, maxLookInterval))
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

// end makes sure that done is not called any more, and returns what was seen last, as the caller's own.
func (w *waiter) end() []eventstore.Checkpoint {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	return slices.Clone(w.seen)
}
