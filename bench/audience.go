package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

// audience are live subscriptions of one store, each of which takes note of what it gets.
type audience struct {
	stop    context.CancelFunc
	running sync.WaitGroup
	members []member
	arrived chan struct{} // has a token when a member has got on
	failed  chan error    // holds the first error
}

type member struct {
	live     atomic.Bool // has had its first batch
	count    atomic.Int64
	position atomic.Int64 // of the last event, or where it began
}

// subscribe returns once every subscription has begun. They end with stop.
func subscribe(ctx context.Context, store eventstore.Store, count int) (*audience, error) {
	after, err := store.Head(ctx)
	if err != nil {
		return nil, err
	}
	subscriptions, stop := context.WithCancel(ctx)
	a := &audience{
		stop:    stop,
		members: make([]member, count),
		arrived: make(chan struct{}, 1),
		failed:  make(chan error, 1),
	}
	for i := range a.members {
		m := &a.members[i]
		m.position.Store(int64(after))
		a.running.Go(func() { a.follow(subscriptions, store, after, m) })
	}
	if err := a.await(ctx, func(m *member) bool { return m.live.Load() }); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *audience) follow(ctx context.Context, store eventstore.Store, after eventstore.Position, m *member) {
	err := m.follow(ctx, store, after, func() {
		select {
		case a.arrived <- struct{}{}:
		default: // there is one already
		}
	})
	if ctx.Err() == nil {
		select {
		case a.failed <- err:
		default: // not the first
		}
	}
}

func (m *member) follow(ctx context.Context, store eventstore.Store, after eventstore.Position, got func()) error {
	for batch, err := range store.Subscribe(ctx, after, eventstore.Filter{}) {
		if err != nil {
			return err
		}
		for _, event := range batch.Events {
			if last := m.position.Load(); int64(event.Position) <= last {
				return fmt.Errorf("position %d came after position %d", event.Position, last)
			}
			m.position.Store(int64(event.Position))
			m.count.Add(1)
		}
		m.live.Store(true)
		got()
	}
	return errors.New("a subscription has ended")
}

// awaitEvents returns once every subscription has got so many events, the last of them at a position, and no more.
func (a *audience) awaitEvents(ctx context.Context, count int64, last eventstore.Position) error {
	if err := a.awaitPosition(ctx, last); err != nil {
		return err
	}
	for i := range a.members {
		if got := a.members[i].count.Load(); got != count {
			return fmt.Errorf("subscription %d got %d events up to position %d, want %d", i, got, last, count)
		}
	}
	return nil
}

// awaitPosition returns once every subscription has got the event at a position.
func (a *audience) awaitPosition(ctx context.Context, last eventstore.Position) error {
	return a.await(ctx, func(m *member) bool { return m.position.Load() >= int64(last) })
}

// await returns once all members are as they should be.
func (a *audience) await(ctx context.Context, ready func(m *member) bool) error {
	for i := range a.members {
		for !ready(&a.members[i]) {
			select {
			case <-a.arrived:
			case err := <-a.failed:
				return err
			case <-ctx.Done():
				return fmt.Errorf("await subscription %d: %w", i, ctx.Err())
			}
		}
	}
	return nil
}

// close ends the subscriptions.
func (a *audience) close() {
	a.stop()
	a.running.Wait()
}
