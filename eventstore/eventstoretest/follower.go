package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// follower tails a store as a consumer does. It goes on from Through when it is restarted, and judges what it is given.
type follower struct {
	c      *trial
	store  eventstore.Store
	after  eventstore.Position
	filter eventstore.Filter
	habits habits

	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	events  []eventstore.RecordedEvent
	last    eventstore.Batch
	batches int
	failed  error
	changed chan struct{}
}

// habits are what a follower does besides reading.
type habits struct {
	// restarts is where it now and then stops, to subscribe again where it was; nil is never.
	restarts *rand.Rand
	// persists subscribes again after an error of the store.
	persists bool
	// dawdles takes its time over each batch.
	dawdles bool
}

// follow starts a follower after a position. The trial stops it when it ends.
func (c *trial) follow(
	store eventstore.Store, after eventstore.Position, filter eventstore.Filter, habits habits,
) *follower {
	f := &follower{c: c, store: store, after: after, filter: filter, habits: habits, changed: make(chan struct{})}
	f.last.Through = after
	f.start()
	return f
}

func (f *follower) start() {
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(f.c.ctx)
	f.cancel, f.done = cancel, done
	f.c.running.Go(func() {
		defer close(done)
		f.run(ctx)
	})
}

// stop ends the follower and waits for it.
func (f *follower) stop() {
	f.cancel()
	<-f.done
}

// restart lets the follower subscribe again, after its Through.
func (f *follower) restart() {
	f.stop()
	f.start()
}

func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.subscribe(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return
		case !f.habits.persists || errors.Is(err, errMisled) || errors.Is(err, eventstore.ErrBeyondHead):
			f.fail(err)
			return
		default:
			f.c.pause(time.Millisecond)
		}
	}
}

// subscribe reads until it is time for a restart, or an error.
func (f *follower) subscribe(ctx context.Context) error {
	after := f.through()
	for batch, err := range f.store.Subscribe(ctx, after, f.filter) {
		if err != nil {
			return fmt.Errorf("subscription after %d: %w", after, err)
		}
		if err := f.take(batch); err != nil {
			return fmt.Errorf("subscription after %d: %w", after, err)
		}
		if f.habits.dawdles {
			f.c.pause(10 * time.Millisecond)
		}
		if f.habits.restarts != nil && f.habits.restarts.IntN(4) == 0 {
			return nil
		}
	}
	return nil
}

// errMisled means that a batch contradicts what the follower was told before.
var errMisled = errors.New("a batch that cannot be")

func (f *follower) take(batch eventstore.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.last.Through
	for _, event := range batch.Events {
		if event.Position <= last {
			return fmt.Errorf("%w: %s follows position %d", errMisled, place(event), last)
		}
		if !f.filter.Matches(event.Stream.Category, event.Type) {
			return fmt.Errorf("%w: %s is not selected", errMisled, place(event))
		}
		last = event.Position
	}
	if batch.Through < last {
		return fmt.Errorf("%w: Through is %d, below %d", errMisled, batch.Through, last)
	}
	f.events = append(f.events, batch.Events...)
	f.last = batch
	f.batches++
	f.tell()
	return nil
}

func (f *follower) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = err
	f.tell()
}

// tell wakes those who wait. It is called with mu held.
func (f *follower) tell() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *follower) through() eventstore.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last.Through
}

// seen returns all events so far.
func (f *follower) seen() []eventstore.RecordedEvent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.events)
}

// await waits until the follower's last batch is as wished, and returns it.
func (f *follower) await(what string, wished func(last eventstore.Batch) bool) eventstore.Batch {
	f.c.Helper()
	for {
		f.mu.Lock()
		last, batches, count, failed, changed := f.last, f.batches, len(f.events), f.failed, f.changed
		f.mu.Unlock()
		switch {
		case failed != nil:
			f.c.Fatalf("follower: %v", failed)
		case batches > 0 && wished(last):
			return last
		}
		select {
		case <-changed:
		case <-f.c.ctx.Done():
			f.c.Fatalf("follower waited in vain: %s; it has %d events in %d batches, through position %d (caught up: %t)",
				what, count, batches, last.Through, last.CaughtUp)
		}
	}
}

// starts waits for the first batch.
func (f *follower) starts() eventstore.Batch {
	f.c.Helper()
	return f.await("the first batch", func(eventstore.Batch) bool { return true })
}

// reaches waits until the follower has looked as far as a position.
func (f *follower) reaches(position eventstore.Position) {
	f.c.Helper()
	f.await(fmt.Sprintf("position %d", position), func(last eventstore.Batch) bool { return last.Through >= position })
}

// shows waits for as many events as there are labels, and ends the clause when they are others.
func (f *follower) shows(labels ...string) {
	f.c.Helper()
	f.await(fmt.Sprintf("events %v", labels), func(eventstore.Batch) bool { return len(f.seen()) >= len(labels) })
	f.hasOnly(labels...)
}

// hasOnly ends the clause when the follower has other events than these.
func (f *follower) hasOnly(labels ...string) {
	f.c.Helper()
	equal(f.c, "events of a subscription", fmt.Sprint(labelsOf(f.seen())), fmt.Sprint(labels))
}

// isComplete waits until the follower has come to the head of a store at rest, and ends the clause when it has not all
// of the events after where it began, in their order, each once.
func (f *follower) isComplete(all []eventstore.RecordedEvent) {
	f.c.Helper()
	want := slices.DeleteFunc(selected(all, f.filter), func(e eventstore.RecordedEvent) bool {
		return e.Position <= f.after
	})
	if len(want) > 0 {
		f.reaches(want[len(want)-1].Position)
	}
	if difference := sameEvents(f.seen(), want); difference != "" {
		f.c.Fatalf("a subscription (filter %v) %s", f.filter, difference)
	}
}
