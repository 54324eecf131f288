package consumer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
	"github.com/pasttense/pasttense/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const name = "sales"

var errPoison = errors.New("cannot handle this")

// fixture is a consumer that lists the positions of the events it has handled.
type fixture struct {
	store  *memstore.Store
	target *memstore.Target
	config consumer.Config
	log    bytes.Buffer
	// handled is the read model: it changes together with the checkpoint.
	handled *memstore.Table[eventstore.Position, int]
	// calls counts calls of Handle.
	calls atomic.Int64
	// before is called for each event before it is handled.
	before func(ctx context.Context, event eventstore.RecordedEvent) error
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{store: memstore.New(nil), target: memstore.NewTarget(nil)}
	f.handled = memstore.NewTable[eventstore.Position, int](f.target)
	f.before = func(context.Context, eventstore.RecordedEvent) error { return nil }
	f.config = consumer.Config{
		Kind:        "projection",
		Name:        name,
		Store:       f.store,
		Checkpoints: f.target,
		Filter:      eventstore.Filter{Categories: []string{"order"}},
		Handle:      f.handle,
		Logger:      slog.New(slog.NewTextHandler(&f.log, nil)),
	}
	t.Cleanup(func() { require.NoError(t, f.store.Close(context.Background())) })
	return f
}

func (f *fixture) handle(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
	f.calls.Add(1)
	return f.target.Advance(ctx, move, func(ctx context.Context, tx *memstore.Tx) error {
		for _, event := range events {
			if err := f.before(ctx, event); err != nil {
				return err
			}
			times, _ := f.handled.GetTx(tx, event.Position)
			f.handled.PutTx(tx, event.Position, times+1)
		}
		return nil
	})
}

// append adds events to one stream, in one append.
func (f *fixture) append(t *testing.T, category string, count int) {
	t.Helper()
	events := make([]eventstore.EventData, count)
	for i := range events {
		events[i] = eventstore.EventData{Type: "happened", Data: []byte("{}")}
	}
	_, err := f.store.Append(t.Context(), eventstore.Write{
		Stream:   eventstore.StreamID{Category: category, Key: "1"},
		Expected: eventstore.AnyVersion,
		Events:   events,
	})
	require.NoError(t, err)
}

func (f *fixture) checkpoint(t *testing.T) eventstore.Checkpoint {
	t.Helper()
	checkpoint, err := f.target.Checkpoint(t.Context(), name)
	require.NoError(t, err)
	return checkpoint
}

// requireHandled requires that all positions up to last were handled once, and no others.
func (f *fixture) requireHandled(t *testing.T, last eventstore.Position) {
	t.Helper()
	for position := eventstore.Position(1); position <= last; position++ {
		times, _ := f.handled.Get(position)
		require.Equal(t, 1, times, "event at position %d", position)
	}
	require.Equal(t, int(last), f.handled.Len())
}

// run starts the consumer. The returned function stops it and requires that it stopped cleanly.
func (f *fixture) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- consumer.New(f.config).Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		require.NoError(t, <-done)
	}
}

// failAt makes the event at a position fail.
func (f *fixture) failAt(position eventstore.Position) {
	f.before = func(_ context.Context, event eventstore.RecordedEvent) error {
		if event.Position == position {
			return errPoison
		}
		return nil
	}
}

// storeWith is a store whose subscriptions begin with an error, as long as fail returns one.
type storeWith struct {
	eventstore.Store
	fail func() error
}

func (s storeWith) Subscribe(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.Batch, error] {
	if err := s.fail(); err != nil {
		return func(yield func(eventstore.Batch, error) bool) {
			yield(eventstore.Batch{}, fmt.Errorf("subscribe: %w", err))
		}
	}
	return s.Store.Subscribe(ctx, after, filter)
}

// checkpointsWith is checkpoints that fail as long as fail returns an error.
type checkpointsWith struct {
	eventstore.Checkpoints
	fail func() error
}

func (c checkpointsWith) Checkpoint(ctx context.Context, who string) (eventstore.Checkpoint, error) {
	if err := c.fail(); err != nil {
		return eventstore.Checkpoint{}, err
	}
	return c.Checkpoints.Checkpoint(ctx, who)
}

func (c checkpointsWith) Pause(ctx context.Context, who string, at eventstore.Position, reason string) error {
	if err := c.fail(); err != nil {
		return err
	}
	return c.Checkpoints.Pause(ctx, who, at, reason)
}

// elapse lets the bubble's clock go on, and then waits until everybody has done what was due.
func elapse(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
