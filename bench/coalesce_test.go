package main

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCoalescerInsertsTheRowsOfAllCallers(t *testing.T) {
	t.Parallel()
	const callers, each = 16, 20
	db := newDatabase(t)
	pool, err := db.openPool(t.Context(), batchesInFlight)
	require.NoError(t, err)
	rows := &coalescer{pool: pool, callers: callers}

	callAtOnce(t, callers, each, func(call int) error { return rows.insert(t.Context(), strconv.Itoa(call), `{}`) })

	var count int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(DISTINCT stream_key) FROM limit_events`).Scan(&count))
	assert.Equal(t, callers*each, count)
}

func TestCoalescerGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	pool, err := db.openPool(t.Context(), 1)
	require.NoError(t, err)
	rows := &coalescer{pool: pool, callers: 1}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()

	require.Error(t, rows.insert(t.Context(), "1", `no JSON`))
	require.ErrorIs(t, rows.insert(canceled, "2", `{}`), context.Canceled)
	require.NoError(t, rows.insert(t.Context(), "3", `{}`))
}
