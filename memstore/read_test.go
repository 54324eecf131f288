package memstore_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

func TestReadStreamSelectsWhatTheOptionsSay(t *testing.T) {
	store := memstore.New(nil)
	appendTo(t, store, order("1"), events(5)...)
	for _, test := range []struct {
		opts eventstore.ReadOptions
		want []eventstore.Version
	}{
		{eventstore.ReadOptions{}, []eventstore.Version{1, 2, 3, 4, 5}},
		{eventstore.ReadOptions{Limit: 2}, []eventstore.Version{1, 2}},
		{eventstore.ReadOptions{Limit: math.MaxInt}, []eventstore.Version{1, 2, 3, 4, 5}},
		{eventstore.ReadOptions{From: 1}, []eventstore.Version{1, 2, 3, 4, 5}},
		{eventstore.ReadOptions{From: 4}, []eventstore.Version{4, 5}},
		{eventstore.ReadOptions{From: 4, Limit: 1}, []eventstore.Version{4}},
		{eventstore.ReadOptions{From: 5, Limit: 2}, []eventstore.Version{5}},
		{eventstore.ReadOptions{From: 6}, nil},
		{eventstore.ReadOptions{From: math.MaxInt64}, nil},
		{eventstore.ReadOptions{Backwards: true}, []eventstore.Version{5, 4, 3, 2, 1}},
		{eventstore.ReadOptions{Backwards: true, Limit: 2}, []eventstore.Version{5, 4}},
		{eventstore.ReadOptions{Backwards: true, From: 1}, []eventstore.Version{1}},
		{eventstore.ReadOptions{Backwards: true, From: 3}, []eventstore.Version{3, 2, 1}},
		{eventstore.ReadOptions{Backwards: true, From: 3, Limit: 2}, []eventstore.Version{3, 2}},
		{eventstore.ReadOptions{Backwards: true, From: 5}, []eventstore.Version{5, 4, 3, 2, 1}},
		{eventstore.ReadOptions{Backwards: true, From: 6, Limit: 1}, []eventstore.Version{5}},
		{eventstore.ReadOptions{Backwards: true, From: math.MaxInt64}, []eventstore.Version{5, 4, 3, 2, 1}},
	} {
		t.Run(fmt.Sprintf("%+v", test.opts), func(t *testing.T) {
			for _, id := range []eventstore.StreamID{order("1"), order("none")} {
				stored, err := collect(store.ReadStream(t.Context(), id, test.opts))
				require.NoError(t, err)
				if id == order("1") {
					assert.Equal(t, test.want, versions(stored))
				} else {
					assert.Empty(t, stored)
				}
			}
		})
	}
}

// A loop body may append, and does not see what it appends: no lock is held and the reading has its end.
func TestReadingEndsWhereItBegan(t *testing.T) {
	store := memstore.New(nil)
	appendTo(t, store, order("1"), events(3)...)
	for event, err := range store.ReadStream(t.Context(), order("1"), eventstore.ReadOptions{}) {
		require.NoError(t, err)
		require.LessOrEqual(t, event.Version, eventstore.Version(3))
		appendTo(t, store, order("1"), events(1)...)
	}
	for event, err := range store.ReadAll(t.Context(), 0, eventstore.Filter{}) {
		require.NoError(t, err)
		require.LessOrEqual(t, event.Position, eventstore.Position(6))
		appendTo(t, store, order("1"), events(1)...)
	}
	head, err := store.Head(t.Context())
	require.NoError(t, err)
	assert.Equal(t, eventstore.Position(12), head)
}

func TestReadingCanBeRepeated(t *testing.T) {
	store := memstore.New(nil)
	all := store.ReadAll(t.Context(), 0, eventstore.Filter{})
	for n := range 3 {
		stored, err := collect(all)
		require.NoError(t, err)
		assert.Len(t, stored, n)
		appendTo(t, store, order("1"), events(1)...)
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	store := memstore.New(nil)
	appendTo(t, store, order("1"), events(3)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen int
	for _, err := range store.ReadAll(ctx, 0, eventstore.Filter{}) {
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			break
		}
		seen++
		cancel()
	}
	assert.Equal(t, 1, seen)
	_, err := collect(store.ReadStream(ctx, order("1"), eventstore.ReadOptions{}))
	require.ErrorIs(t, err, context.Canceled)
}

func TestPositionsThatTheStoreDoesNotHave(t *testing.T) {
	store := memstore.New(nil)
	appendTo(t, store, order("1"), events(1)...)
	for after, want := range map[eventstore.Position]error{
		-1: eventstore.ErrInvalid, 2: eventstore.ErrBeyondHead, math.MaxInt64: eventstore.ErrBeyondHead,
	} {
		_, err := collect(store.ReadAll(t.Context(), after, eventstore.Filter{}))
		require.ErrorIs(t, err, want)
		_, err = collect(store.Subscribe(t.Context(), after, eventstore.Filter{}))
		require.ErrorIs(t, err, want)
	}
}
