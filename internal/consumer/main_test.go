package consumer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
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

var id = eventstore.ConsumerID{Name: "sales", Version: 1}

var errPoison = errors.New("cannot handle this")

// fixture is a consumer that lists the positions of the events it has handled.
type fixture struct {
	t      *testing.T
	store  *memstore.Store
	target *memstore.Target
	config consumer.Config
	log    bytes.Buffer
	// handled is the read model: it changes together with the checkpoint.
	handled *memstore.Table[eventstore.Position, int]
	// streams is another: the versions of each stream in the order in which they were handled.
	streams *memstore.Table[string, []eventstore.Version]
	// calls counts calls of Handle.
	calls atomic.Int64
	// before is called for each event before it is handled.
	before func(ctx context.Context, event eventstore.RecordedEvent) error
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, store: memstore.New(nil), target: memstore.NewTarget(nil)}
	f.handled = memstore.NewTable[eventstore.Position, int](f.target)
	f.streams = memstore.NewTable[string, []eventstore.Version](f.target)
	f.before = func(context.Context, eventstore.RecordedEvent) error { return nil }
	f.config = consumer.Config{
		ID:         id,
		Definition: eventstore.Definition{Kind: "projection", Partitions: 1},
		Store:      f.store,
		Keeper:     f.target,
		Parking:    f.target,
		Filter:     eventstore.Filter{Categories: []string{"order"}},
		Handle:     f.handle,
		Logger:     slog.New(slog.NewTextHandler(&f.log, nil)),
	}
	t.Cleanup(func() { require.NoError(t, f.store.Close(context.Background())) })
	return f
}

func (f *fixture) handle(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
	if len(events) == 0 {
		return f.target.Advance(ctx, move, nil)
	}
	f.calls.Add(1)
	return f.target.Advance(ctx, move, func(ctx context.Context, tx *memstore.Tx) error {
		for _, event := range events {
			if err := f.before(ctx, event); err != nil {
				return err
			}
			times, _ := f.handled.GetTx(tx, event.Position)
			f.handled.PutTx(tx, event.Position, times+1)
			versions, _ := f.streams.GetTx(tx, event.Stream.Key)
			f.streams.PutTx(tx, event.Stream.Key, append(slices.Clip(versions), event.Version))
		}
		return nil
	})
}

// append adds events to one stream, in one append.
func (f *fixture) append(t *testing.T, category string, count int) {
	t.Helper()
	f.appendTo(t, category, "1", count)
}

func (f *fixture) appendTo(t *testing.T, category, key string, count int) {
	t.Helper()
	events := make([]eventstore.EventData, count)
	for i := range events {
		events[i] = eventstore.EventData{Type: "happened", Data: []byte("{}")}
	}
	_, err := f.store.Append(t.Context(), eventstore.Write{
		Stream:   eventstore.StreamID{Category: category, Key: key},
		Expected: eventstore.AnyVersion,
		Events:   events,
	})
	require.NoError(t, err)
}

func (f *fixture) checkpoint(t *testing.T) eventstore.Checkpoint {
	t.Helper()
	checkpoints, err := f.target.Checkpoints(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, checkpoints, 1)
	return checkpoints[0]
}

// moveTo moves the checkpoint as somebody else would.
func (f *fixture) moveTo(t *testing.T, position eventstore.Position) {
	t.Helper()
	require.NoError(t, f.target.Define(t.Context(), id, f.config.Definition))
	at := f.checkpoint(t)
	move := eventstore.Move{Consumer: id, Epoch: at.Epoch, From: at.Position, To: position}
	require.NoError(t, f.target.Advance(t.Context(), move, nil))
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
	runner := consumer.New(f.config)
	go func() { done <- runner.Run(ctx) }()
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

// keeperWith is a keeper that fails as long as fail returns an error. beforePause, where there is one, is called before
// Pause.
type keeperWith struct {
	consumer.Keeper
	fail        func() error
	beforePause func() error
}

func (k keeperWith) failed() error {
	if k.fail == nil {
		return nil
	}
	return k.fail()
}

func (k keeperWith) Define(ctx context.Context, who eventstore.ConsumerID, d eventstore.Definition) error {
	if err := k.failed(); err != nil {
		return err
	}
	return k.Keeper.Define(ctx, who, d)
}

func (k keeperWith) Checkpoints(ctx context.Context, who eventstore.ConsumerID) ([]eventstore.Checkpoint, error) {
	if err := k.failed(); err != nil {
		return nil, err
	}
	return k.Keeper.Checkpoints(ctx, who)
}

func (k keeperWith) Coordinate(ctx context.Context, who eventstore.ConsumerID, change func(*eventstore.Roster)) error {
	if err := k.failed(); err != nil {
		return err
	}
	return k.Keeper.Coordinate(ctx, who, change)
}

func (k keeperWith) Pause(ctx context.Context, at eventstore.Checkpoint, reason string) error {
	if k.beforePause != nil {
		if err := k.beforePause(); err != nil {
			return err
		}
	}
	return k.Keeper.Pause(ctx, at, reason)
}

// elapse lets the bubble's clock go on, and then waits until everybody has done what was due.
func elapse(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
