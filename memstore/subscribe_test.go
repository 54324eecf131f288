package memstore_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// catchUp returns the batches of a subscription up to the first that is at the head.
func catchUp(
	t *testing.T, store *memstore.Store, after eventstore.Position, filter eventstore.Filter,
) []eventstore.Batch {
	t.Helper()
	var batches []eventstore.Batch
	for batch, err := range store.Subscribe(t.Context(), after, filter) {
		require.NoError(t, err)
		batches = append(batches, batch)
		if batch.CaughtUp {
			break
		}
	}
	return batches
}

func TestBatchesAreBoundedInEvents(t *testing.T) {
	store := memstore.New(&memstore.Options{BatchEvents: 4})
	appendTo(t, store, order("1"), events(10)...)

	batches := catchUp(t, store, 1, eventstore.Filter{})
	require.Len(t, batches, 3)
	assert.Equal(t, []eventstore.Position{2, 3, 4, 5}, positions(batches[0].Events))
	assert.Equal(t, eventstore.Position(5), batches[0].Through)
	assert.Equal(t, []eventstore.Position{6, 7, 8, 9}, positions(batches[1].Events))
	assert.Equal(t, []eventstore.Position{10}, positions(batches[2].Events))
	assert.Equal(t, eventstore.Position(10), batches[2].Through)
}

func TestFullBatchAtTheHeadHasCaughtUp(t *testing.T) {
	store := memstore.New(&memstore.Options{BatchEvents: 4})
	appendTo(t, store, order("1"), events(4)...)
	appendTo(t, store, eventstore.StreamID{Category: "other", Key: "1"}, events(1)...)

	batches := catchUp(t, store, 0, eventstore.Filter{Categories: []string{"order"}})
	require.Len(t, batches, 1)
	assert.Len(t, batches[0].Events, 4)
	assert.Equal(t, eventstore.Position(5), batches[0].Through, "the batch has room for what is not selected")
}

func TestBatchesAreBoundedInBytes(t *testing.T) {
	store := memstore.New(&memstore.Options{BatchBytes: 100})
	for _, size := range []int{60, 40, 1, 500, 100, 0, 99} {
		appendTo(t, store, order("1"), eventstore.EventData{
			Type: "order.noted", ContentType: "application/octet-stream", Data: bytes.Repeat([]byte{'x'}, size),
		})
	}

	var sizes [][]int
	for _, batch := range catchUp(t, store, 0, eventstore.Filter{}) {
		var inBatch []int
		for _, event := range batch.Events {
			inBatch = append(inBatch, len(event.Data))
		}
		sizes = append(sizes, inBatch)
	}
	assert.Equal(t, [][]int{{60, 40}, {1}, {500}, {100, 0}, {99}}, sizes)
}

func TestThroughMovesOverWhatIsNotSelected(t *testing.T) {
	const count = 70_000
	store := memstore.New(nil)
	for range count / 10_000 {
		appendTo(t, store, order("1"), events(10_000)...)
	}

	batches := catchUp(t, store, 0, eventstore.Filter{Categories: []string{"invoice"}})
	require.Greater(t, len(batches), 1, "a long scan is divided, so that the checkpoint moves meanwhile")
	through := eventstore.Position(0)
	for _, batch := range batches {
		assert.Empty(t, batch.Events)
		assert.Greater(t, batch.Through, through)
		through = batch.Through
	}
	assert.Equal(t, eventstore.Position(count), through)
}

func TestFirstBatchComesAtOnce(t *testing.T) {
	store := memstore.New(nil)
	assert.Equal(t, []eventstore.Batch{{CaughtUp: true}}, catchUp(t, store, 0, eventstore.Filter{}))
	appendTo(t, store, order("1"), events(3)...)
	assert.Equal(t, []eventstore.Batch{{Through: 3, CaughtUp: true}}, catchUp(t, store, 3, eventstore.Filter{}))
}

// In a synctest bubble time stands still while anything runs, so none of this waits for a clock.
func TestAppendWakesSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		batches := make(chan eventstore.Batch)
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			go func() {
				for batch, err := range store.Subscribe(ctx, 0, eventstore.Filter{Types: []string{"order.item-added"}}) {
					if err != nil {
						assert.ErrorIs(t, err, context.Canceled)
						break
					}
					batches <- batch
				}
				batches <- eventstore.Batch{Through: -1}
			}()
		}
		next := func(want eventstore.Batch) {
			for range 3 {
				got := <-batches
				assert.Equal(t, want.Through, got.Through)
				assert.Equal(t, want.CaughtUp, got.CaughtUp)
				assert.Equal(t, positions(want.Events), positions(got.Events))
			}
			synctest.Wait()
		}
		next(eventstore.Batch{CaughtUp: true})
		appendTo(t, store, order("1"), events(2)...)
		next(eventstore.Batch{
			Events: []eventstore.RecordedEvent{{Position: 1}, {Position: 2}}, Through: 2, CaughtUp: true,
		})
		appendTo(t, store, order("1"), eventstore.EventData{Type: "order.checked-out", Data: []byte(`{}`)})
		next(eventstore.Batch{Through: 3, CaughtUp: true})
		cancel()
		next(eventstore.Batch{Through: -1})
	})
}

func TestCloseEndsSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		appendTo(t, store, order("1"), events(1)...)
		failed := make(chan error, 1)
		go func() {
			_, err := collect(store.Subscribe(t.Context(), 0, eventstore.Filter{}))
			failed <- err
		}()
		synctest.Wait()
		require.Empty(t, failed)
		require.NoError(t, store.Close(t.Context()))
		require.ErrorIs(t, <-failed, eventstore.ErrClosed)
	})
}

func TestClosedStore(t *testing.T) {
	store := memstore.New(nil)
	appendTo(t, store, order("1"), events(2)...)
	seen := 0
	for _, err := range store.ReadAll(t.Context(), 0, eventstore.Filter{}) {
		require.NoError(t, err)
		seen++
		require.NoError(t, store.Close(t.Context()))
	}
	assert.Equal(t, 2, seen, "a read that has begun goes on")

	_, err := store.Append(t.Context(), eventstore.Write{Stream: order("2"), Events: events(1)})
	require.ErrorIs(t, err, eventstore.ErrClosed)
	_, err = store.Head(t.Context())
	require.ErrorIs(t, err, eventstore.ErrClosed)
	_, err = collect(store.ReadStream(t.Context(), order("1"), eventstore.ReadOptions{}))
	require.ErrorIs(t, err, eventstore.ErrClosed)
	_, err = collect(store.ReadAll(t.Context(), 0, eventstore.Filter{}))
	require.ErrorIs(t, err, eventstore.ErrClosed)
	_, err = collect(store.Subscribe(t.Context(), 0, eventstore.Filter{}))
	require.ErrorIs(t, err, eventstore.ErrClosed)
}
