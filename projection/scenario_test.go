package projection_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/projection"
)

// backend is a store and a target that a scenario is played on, for a test.
type backend[Tx any] struct {
	t      *testing.T
	store  eventstore.Store
	target eventstore.Target[Tx]
	pool   *pgxpool.Pool // nil where there is no Postgres
	// note adds an entry to a read model that is a list.
	note func(ctx context.Context, tx Tx, entry string) error
	// notes returns the committed entries in the order in which they were noted.
	notes func() []string
}

// scenarios are what every target must make true. Each begins with an empty store and target.
func scenarios[Tx any]() map[string]func(b backend[Tx]) {
	return map[string]func(b backend[Tx]){
		"applies events exactly once whatever fails":      exactlyOnceWhateverFails[Tx],
		"applies events exactly once when run many times": exactlyOnceWhenRunManyTimes[Tx],
		"applies events exactly once when killed":         exactlyOnceWhenKilled[Tx],
		"pauses at a poison event and goes on":            pausesAtPoison[Tx],
		"pauses at a panic and goes on":                   pausesAtPanic[Tx],
		"applies several families in order":               appliesSeveralFamilies[Tx],
		"catches up deterministically":                    catchesUp[Tx],
		"lets handlers append to the store":               letsHandlersAppend[Tx],
	}
}

const name = "sales"

// recorder returns a projection that notes the position of each event. Before is called first.
func (b backend[Tx]) recorder(
	target eventstore.Target[Tx], opts *projection.Options, before func(eventstore.Position) error,
) *projection.Projection[Tx] {
	p := projection.New(name, b.store, target, opts)
	projection.On(p, orderEvents, func(ctx context.Context, tx Tx, e eventstore.Envelope[OrderEvent]) error {
		if err := before(e.Position); err != nil {
			return err
		}
		return b.note(ctx, tx, fmt.Sprint(e.Position))
	})
	return p
}

func noTrouble(eventstore.Position) error { return nil }

// impatient are options for projections that fail often.
func impatient() *projection.Options {
	return &projection.Options{Attempts: 100, MinBackoff: time.Microsecond, MaxBackoff: time.Millisecond}
}

func (b backend[Tx]) add(key string, count int) eventstore.Position {
	b.t.Helper()
	events := make([]eventstore.EventData, count)
	for i := range events {
		encoded, err := orderEvents.Encode(ItemAdded{Name: fmt.Sprint("item ", i)})
		require.NoError(b.t, err)
		events[i] = encoded
	}
	result, err := b.store.Append(b.t.Context(), eventstore.Write{
		Stream:   eventstore.StreamID{Category: "order", Key: key},
		Expected: eventstore.AnyVersion,
		Events:   events,
	})
	require.NoError(b.t, err)
	return result.Position
}

// start runs a projection until stop is called, which requires that it has stopped cleanly.
func (b backend[Tx]) start(p projection.Runner) (stop func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- projection.Run(ctx, p) }()
	return func() {
		b.t.Helper()
		cancel()
		require.NoError(b.t, <-done)
	}
}

// wait waits until the projection has applied all that is in the store.
func (b backend[Tx]) wait() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	head, err := b.store.Head(ctx)
	require.NoError(b.t, err)
	require.NoError(b.t, projection.WaitFor(ctx, b.target, name, head))
}

// waitPaused waits until the projection is paused, and returns why.
func (b backend[Tx]) waitPaused() string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	head, err := b.store.Head(ctx)
	require.NoError(b.t, err)
	err = projection.WaitFor(ctx, b.target, name, head)
	require.ErrorIs(b.t, err, eventstore.ErrPaused)
	return err.Error()
}

// positions returns where the order events up to a position are: what a recorder has noted when each was applied once
// and in order.
func (b backend[Tx]) positions(through eventstore.Position) []string {
	b.t.Helper()
	var all []string
	for event, err := range b.store.ReadAll(b.t.Context(), 0, eventstore.Filter{Categories: []string{"order"}}) {
		require.NoError(b.t, err)
		if event.Position <= through {
			all = append(all, fmt.Sprint(event.Position))
		}
	}
	return all
}

// requireAppliedOnce requires that each order event in the store was applied once, in order.
func (b backend[Tx]) requireAppliedOnce() {
	b.t.Helper()
	head, err := b.store.Head(b.t.Context())
	require.NoError(b.t, err)
	require.Equal(b.t, b.positions(head), b.notes())
}
