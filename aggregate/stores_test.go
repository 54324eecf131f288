package aggregate_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// untouched is a store that must not be called: every method panics.
type untouched struct{ eventstore.Store }

// watched is a store whose appends a test counts, and changes where it has a function for them.
type watched struct {
	eventstore.Store
	appends atomic.Int64
	// onAppend gets the number of the append, from 1, and a function that makes it.
	onAppend func(n int64, write eventstore.Write, next func() (eventstore.AppendResult, error)) (
		eventstore.AppendResult, error)
	reads atomic.Int64 // events read
}

func (w *watched) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	n := w.appends.Add(1)
	next := func() (eventstore.AppendResult, error) { return w.Store.Append(ctx, writes...) }
	if w.onAppend == nil {
		return next()
	}
	return w.onAppend(n, writes[0], next)
}

func (w *watched) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		for event, err := range w.Store.ReadStream(ctx, id, opts) {
			w.reads.Add(1)
			if !yield(event, err) {
				return
			}
		}
	}
}

// conflicting returns a store whose first n appends conflict.
func conflicting(n int64) *watched {
	return &watched{Store: memstore.New(nil), onAppend: func(
		call int64, write eventstore.Write, next func() (eventstore.AppendResult, error),
	) (eventstore.AppendResult, error) {
		if call <= n {
			return eventstore.AppendResult{}, &eventstore.ConflictError{Stream: write.Stream, Expected: write.Expected}
		}
		return next()
	}}
}

// failing returns a store all of whose appends fail.
func failing(err error) *watched {
	return &watched{Store: memstore.New(nil), onAppend: func(
		int64, eventstore.Write, func() (eventstore.AppendResult, error),
	) (eventstore.AppendResult, error) {
		return eventstore.AppendResult{}, err
	}}
}

func accountsIn(store eventstore.Store) *aggregate.Repository[account, movement] {
	return aggregate.New[account](store, movements, nil)
}

// recordedIn returns the events of account 1.
func recordedIn(t *testing.T, store eventstore.Store) []eventstore.RecordedEvent {
	t.Helper()
	var events []eventstore.RecordedEvent
	for event, err := range store.ReadStream(t.Context(), accountStream("1"), eventstore.ReadOptions{}) {
		require.NoError(t, err)
		events = append(events, event)
	}
	return events
}

// appendTo writes events whatever the stream's version.
func appendTo(t *testing.T, store eventstore.Store, key string, events ...movement) {
	t.Helper()
	write := eventstore.Write{Stream: accountStream(key), Expected: eventstore.AnyVersion}
	for _, event := range events {
		data, err := movements.Encode(event)
		require.NoError(t, err)
		write.Events = append(write.Events, data)
	}
	_, err := store.Append(t.Context(), write)
	require.NoError(t, err)
}
