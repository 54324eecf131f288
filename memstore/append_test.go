package memstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

func TestAppendCopiesData(t *testing.T) {
	store := memstore.New(nil)
	given := events(2)
	appendTo(t, store, order("1"), given...)
	for i := range given {
		clear(given[i].Data)
	}

	stored, err := collect(store.ReadStream(t.Context(), order("1"), eventstore.ReadOptions{}))
	require.NoError(t, err)
	require.Len(t, stored, 2)
	assert.Equal(t, `{"n":1}`, string(stored[0].Data))
	assert.Equal(t, `{"n":2}`, string(stored[1].Data))
	// The data of an append is one block of memory: to add to one event's must not write over the next.
	_ = append(stored[0].Data, "garbage"...)
	assert.Equal(t, `{"n":2}`, string(stored[1].Data))
}

func TestAppendStampsTheGivenTime(t *testing.T) {
	zone := time.FixedZone("far", 5*60*60)
	store := memstore.New(&memstore.Options{Now: func() time.Time {
		return time.Date(2025, 3, 1, 12, 0, 0, 123_456_789, zone)
	}})
	appendTo(t, store, order("1"), events(1)...)

	stored, err := collect(store.ReadStream(t.Context(), order("1"), eventstore.ReadOptions{}))
	require.NoError(t, err)
	assert.Equal(t, time.Date(2025, 3, 1, 7, 0, 0, 123_456_000, time.UTC), stored[0].RecordedAt)
}

func TestPositionsHaveNoGaps(t *testing.T) {
	store := memstore.New(nil)
	appendTo(t, store, order("1"), events(2)...)
	_, err := store.Append(t.Context(),
		eventstore.Write{Stream: order("2"), Events: events(3)},
		eventstore.Write{Stream: order("1"), Events: events(1)})
	require.ErrorAs(t, err, new(*eventstore.ConflictError))
	appendTo(t, store, order("2"), events(1)...)

	stored, err := collect(store.ReadAll(t.Context(), 0, eventstore.Filter{}))
	require.NoError(t, err)
	assert.Equal(t, []eventstore.Position{1, 2, 3}, positions(stored))
	assert.Equal(t, []eventstore.Version{1, 2, 1}, versions(stored))
}

// IDs are indexed only when an append gives some, so the index must catch up with what came before and in between.
func TestRepeatIsFoundAmongEventsOfEveryKind(t *testing.T) {
	store := memstore.New(nil)
	id := order("1")
	appendTo(t, store, id, events(3)...)
	first := withIDs(events(2))
	firstResult := appendTo(t, store, id, first...)
	appendTo(t, store, id, events(3)...)
	second := withIDs(events(2))
	secondResult := appendTo(t, store, id, second...)

	assert.Equal(t, firstResult, appendTo(t, store, id, first...))
	assert.Equal(t, secondResult, appendTo(t, store, id, second...))
	head, err := store.Head(t.Context())
	require.NoError(t, err)
	assert.Equal(t, eventstore.Position(10), head)
}

// Writers of several streams race with readers, which must always see whole appends.
func TestReadersSeeWholeAppends(t *testing.T) {
	const writers, readers, appends = 4, 2, 200
	store := memstore.New(nil)
	writer := func(i int) error {
		one, other := order(fmt.Sprintf("one-%d", i)), order(fmt.Sprintf("other-%d", i))
		for range appends {
			_, err := store.Append(t.Context(),
				eventstore.Write{Stream: one, Expected: eventstore.AnyVersion, Events: events(1)},
				eventstore.Write{Stream: other, Expected: eventstore.AnyVersion, Events: events(2)})
			if err != nil {
				return err
			}
		}
		return nil
	}
	reader := func() error {
		for batch, err := range store.Subscribe(t.Context(), 0, eventstore.Filter{}) {
			switch {
			case err != nil:
				return err
			case batch.CaughtUp && batch.Through%3 != 0:
				return fmt.Errorf("head %d is inside an append", batch.Through)
			case batch.Through == writers*appends*3:
				return nil
			}
		}
		return nil
	}
	together(t, writers+readers, func(i int) error {
		if i < writers {
			return writer(i)
		}
		return reader()
	})
}
