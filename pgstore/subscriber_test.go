package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// subscriber tails a store and keeps the positions of what it was given.
type subscriber struct {
	filter eventstore.Filter
	// busy, when it is not nil, is called in the loop body.
	busy func(eventstore.Batch)
	// persistent subscribers subscribe again after an error of the store.
	persistent bool

	mu        sync.Mutex
	positions []eventstore.Position
	last      eventstore.Batch // without its events
	err       error            // how it ended
	ended     bool
	changed   chan struct{}
}

// crowd is subscribers that tail the same store.
type crowd struct {
	store       *pgstore.Store
	running     sync.WaitGroup
	subscribers []*subscriber
}

// join starts a subscriber. It ends with ctx, or with the store.
func (c *crowd) join(ctx context.Context, s *subscriber) *subscriber {
	s.changed = make(chan struct{})
	c.subscribers = append(c.subscribers, s)
	c.running.Go(func() {
		err := s.subscribe(ctx, c.store)
		for s.persistent && ctx.Err() == nil && !errors.Is(err, eventstore.ErrClosed) && !errors.Is(err, errMisled) {
			<-time.After(time.Millisecond) // while the server is down, there is no sense in hurry
			err = s.subscribe(ctx, c.store)
		}
		s.set(func() { s.err, s.ended = err, true })
	})
	return s
}

// await returns when all subscribers have come to a position.
func (c *crowd) await(t *testing.T, position eventstore.Position) {
	t.Helper()
	for _, s := range c.subscribers {
		s.await(t, position)
	}
}

// requireAll waits for the head, and fails unless each has exactly what a reader gets who comes afterwards.
func (c *crowd) requireAll(t *testing.T) {
	t.Helper()
	head, err := c.store.Head(t.Context())
	require.NoError(t, err)
	c.await(t, head)
	all := collect(t, c.store.ReadAll(t.Context(), 0, eventstore.Filter{}))
	system := eventstore.Filter{Categories: []string{"$pm.checkout"}}
	all = append(all, collect(t, c.store.ReadAll(t.Context(), 0, system))...)
	slices.SortFunc(all, func(a, b eventstore.RecordedEvent) int { return int(a.Position - b.Position) })
	for _, s := range c.subscribers {
		var want []eventstore.Position
		for _, event := range all {
			if s.filter.Matches(event.Stream.Category, event.Type) {
				want = append(want, event.Position)
			}
		}
		seen := s.seen()
		require.Equal(t, len(want), len(seen), "number of events of %+v", s.filter) //nolint:testifylint // Len prints them
		require.True(t, slices.Equal(want, seen), "positions of %+v", s.filter)
	}
}

func (s *subscriber) subscribe(ctx context.Context, store *pgstore.Store) error {
	for batch, err := range store.Subscribe(ctx, s.through(), s.filter) {
		if err != nil {
			return err
		}
		if err := s.take(batch); err != nil {
			return err
		}
		if s.busy != nil {
			s.busy(batch)
		}
	}
	return nil
}

var errMisled = errors.New("a batch that cannot be")

func (s *subscriber) take(batch eventstore.Batch) (err error) {
	s.set(func() {
		through := s.last.Through
		for _, event := range batch.Events {
			if event.Position <= through {
				err = fmt.Errorf("%w: position %d after %d", errMisled, event.Position, through)
			}
			through = event.Position
			s.positions = append(s.positions, through)
		}
		if batch.Through < through {
			err = fmt.Errorf("%w: through %d after %d", errMisled, batch.Through, through)
		}
		s.last = eventstore.Batch{Through: batch.Through, CaughtUp: batch.CaughtUp}
	})
	return err
}

func (s *subscriber) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *subscriber) through() eventstore.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last.Through
}

func (s *subscriber) seen() []eventstore.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.positions)
}

// await returns when the subscriber has come to a position.
func (s *subscriber) await(t *testing.T, position eventstore.Position) {
	t.Helper()
	s.awaitThat(t, func(last eventstore.Batch) bool { return last.Through >= position })
}

func (s *subscriber) awaitCaughtUp(t *testing.T) {
	t.Helper()
	s.awaitThat(t, func(last eventstore.Batch) bool { return last.CaughtUp })
}

func (s *subscriber) awaitThat(t *testing.T, wished func(last eventstore.Batch) bool) {
	t.Helper()
	timeout := time.After(2 * time.Minute)
	for {
		s.mu.Lock()
		last, changed, ended, err := s.last, s.changed, s.ended, s.err
		s.mu.Unlock()
		if wished(last) {
			return
		}
		require.False(t, ended, "the subscription has ended: %v", err)
		select {
		case <-changed:
		case <-timeout:
			require.Fail(t, "a subscriber waits in vain", "filter %+v, through %d", s.filter, last.Through)
		}
	}
}
