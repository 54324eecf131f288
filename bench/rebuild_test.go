package main

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func TestARebuildEndsWithTheNewVersionLive(t *testing.T) {
	t.Parallel()
	const events = 2*manyBlock + 1
	db := newDatabase(t)
	var progress bytes.Buffer
	db.progress = log{&progress}
	require.NoError(t, fillMany(t.Context(), db, events))
	ours, err := rebuild(events)(t.Context(), db)
	require.NoError(t, err)
	pool, err := db.openPool(t.Context(), 1)
	require.NoError(t, err)

	for version := 2; version <= 3; version++ {
		s, err := ours.measure(t.Context(), 10*time.Millisecond)

		require.NoError(t, err)
		assert.Equal(t, events, s.amount)
		var live int
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT version FROM pasttense.consumers WHERE consumer = $1 AND live`,
			rebuiltName).Scan(&live))
		assert.Equal(t, version, live)
	}
	assert.Contains(t, progress.String(), "heap of at most")
}

func TestTheLoopByHandStopsAfterSoManyEvents(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	require.NoError(t, fillMany(t.Context(), db, 3_000))
	limit, err := projectByHand(2_000)(t.Context(), db)
	require.NoError(t, err)

	for range 2 { // it begins anew with each call
		s, err := limit.measure(t.Context(), 10*time.Millisecond)

		require.NoError(t, err)
		assert.Equal(t, 2_000, s.amount)
	}
}

//nolint:paralleltest // the heap is the whole process's
func TestMostHeapIsThatWhileTheFunctionRan(t *testing.T) {
	const size = 32 << 20
	runtime.GC()
	require.Less(t, reachableHeap(), int64(size))

	most, err := mostHeap(func() error {
		events := make([]byte, size)
		runtime.GC()
		runtime.KeepAlive(events)
		return eventstore.ErrClosed
	})

	require.ErrorIs(t, err, eventstore.ErrClosed)
	assert.GreaterOrEqual(t, most, int64(size))
}
