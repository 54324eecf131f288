package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// order returns the ID of a stream.
func order(key string) eventstore.StreamID { return eventstore.StreamID{Category: "order", Key: key} }

// events returns n events, whose data says which they are.
func events(n int) []eventstore.EventData {
	made := make([]eventstore.EventData, n)
	for i := range made {
		made[i] = eventstore.EventData{Type: "order.item-added", Data: fmt.Appendf(nil, `{"n":%d}`, i+1)}
	}
	return made
}

// withIDs gives the events IDs.
func withIDs(events []eventstore.EventData) []eventstore.EventData {
	for i := range events {
		events[i].ID = uuid.New()
	}
	return events
}

func appendTo(
	t *testing.T, store *memstore.Store, id eventstore.StreamID, events ...eventstore.EventData,
) eventstore.AppendResult {
	t.Helper()
	result, err := store.Append(t.Context(), eventstore.Write{
		Stream: id, Expected: eventstore.AnyVersion, Events: events,
	})
	require.NoError(t, err)
	return result
}

// collect reads a sequence to its end.
func collect[T any](sequence iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for item, err := range sequence {
		if err != nil {
			return all, err
		}
		all = append(all, item)
	}
	return all, nil
}

func versions(events []eventstore.RecordedEvent) []eventstore.Version {
	var all []eventstore.Version
	for _, event := range events {
		all = append(all, event.Version)
	}
	return all
}

func positions(events []eventstore.RecordedEvent) []eventstore.Position {
	var all []eventstore.Position
	for _, event := range events {
		all = append(all, event.Position)
	}
	return all
}

// first returns the ID of a consumer that has no other versions.
func first(name string) eventstore.ConsumerID { return eventstore.ConsumerID{Name: name, Version: 1} }

// define makes consumers with one partition.
func define(t *testing.T, target *memstore.Target, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, target.Define(t.Context(), first(name), eventstore.Definition{Partitions: 1}))
	}
}

// checkpoint returns the checkpoint of a consumer's first partition.
func checkpoint(t *testing.T, target *memstore.Target, name string) eventstore.Checkpoint {
	t.Helper()
	all, err := target.Checkpoints(t.Context(), first(name))
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all[0]
}

// next returns the move of a consumer's first partition from where it is.
func next(t *testing.T, target *memstore.Target, name string) eventstore.Move {
	t.Helper()
	at := checkpoint(t, target, name)
	return eventstore.Move{Consumer: at.Consumer, Epoch: at.Epoch, From: at.Position, To: at.Position + 1}
}

// clock is moved by hand.
type clock struct {
	mu   sync.Mutex
	time time.Time
}

func newClock() *clock { return &clock{time: time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = c.time.Add(d)
}

// ended returns a context that has ended.
func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// together runs n goroutines and fails when one of them does.
func together(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	failures := make([]error, n)
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() { failures[i] = do(i) })
	}
	running.Wait()
	require.NoError(t, errors.Join(failures...))
}
