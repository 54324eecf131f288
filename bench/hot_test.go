package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInsertNextLeavesNoGaps(t *testing.T) {
	t.Parallel()
	const callers, each = 8, 20
	db := newDatabase(t)
	pool, err := db.openPool(t.Context(), callers)
	require.NoError(t, err)
	stream, data := newStream(), newEvent().Data

	callAtOnce(t, callers, each, func(int) error { return insertNext(t.Context(), pool, stream, data) })

	var count, highest int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*), max(version) FROM limit_events`).Scan(&count, &highest))
	assert.Equal(t, callers*each, count)
	assert.Equal(t, callers*each, highest)
}
