package aggregate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// maxWaiting is how many streams wait for a snapshot at most. Others ask again when they are executed on again.
	maxWaiting = 1000
	// takeTimeout is how long taking one snapshot may last. The first one of a stream may read millions of events.
	takeTimeout = 5 * time.Minute
	// restAfterFailure keeps a store that saves nothing from being asked for each command.
	restAfterFailure = time.Second
)

// taker takes snapshots off the path of those who ask for them, one after the other, in a goroutine that is there while
// streams wait.
type taker struct {
	take func(context.Context, eventstore.StreamID) error // what goes wrong has been logged

	mu      sync.Mutex
	queue   []eventstore.StreamID
	waiting map[eventstore.StreamID]bool // those in the queue
	rest    time.Time                    // nothing is taken before
	running chan struct{}                // closed when the goroutine has ended; nil when there is none
	stop    context.CancelFunc           // ends what the goroutine does
	closed  bool
}

func newTaker(take func(context.Context, eventstore.StreamID) error) *taker {
	return &taker{take: take, waiting: make(map[eventstore.StreamID]bool)}
}

// ask wants a snapshot of a stream to be taken soon. It does not wait, and may be without effect.
func (t *taker) ask(stream eventstore.StreamID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.waiting[stream] || len(t.queue) == maxWaiting || time.Now().Before(t.rest) {
		return
	}
	t.queue = append(t.queue, stream)
	t.waiting[stream] = true
	if t.running == nil {
		ctx, cancel := context.WithCancel(context.Background())
		t.running, t.stop = make(chan struct{}), cancel
		go t.run(ctx, cancel, t.running)
	}
}

func (t *taker) run(ctx context.Context, cancel context.CancelFunc, ended chan<- struct{}) {
	defer close(ended)
	defer cancel()
	for {
		stream, found := t.next()
		if !found {
			return
		}
		if err := t.takeOne(ctx, stream); err != nil {
			t.mu.Lock()
			t.rest = time.Now().Add(restAfterFailure)
			t.clear()
			t.mu.Unlock()
		}
	}
}

// next returns false, and says that the goroutine has ended, when nothing waits.
func (t *taker) next() (eventstore.StreamID, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		t.running = nil
		return eventstore.StreamID{}, false
	}
	stream := t.queue[0]
	t.queue = t.queue[1:]
	delete(t.waiting, stream)
	return stream, true
}

func (t *taker) takeOne(ctx context.Context, stream eventstore.StreamID) error {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	return t.take(ctx, stream)
}

func (t *taker) clear() {
	t.queue = nil
	clear(t.waiting)
}

// close waits for the snapshot that is being taken, and takes no more. When the context ends first, that snapshot is given
// up, and close returns the context's error.
func (t *taker) close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	t.clear()
	running, stop := t.running, t.stop
	t.mu.Unlock()
	if running == nil {
		return nil
	}
	select {
	case <-running:
		return nil
	case <-ctx.Done():
		stop()
		return fmt.Errorf("close the repository: %w", ctx.Err())
	}
}
