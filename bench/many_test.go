package main

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func TestAStoreThatWasFilledIsSound(t *testing.T) {
	t.Parallel()
	const events = 2*manyBlock + 1
	db := newDatabase(t)
	pool, err := db.openPool(t.Context(), 1)
	require.NoError(t, err)
	before := indexes(t, pool, "pasttense.events")

	require.NoError(t, fillMany(t.Context(), db, events))

	assert.ElementsMatch(t, before, indexes(t, pool, "pasttense.events"))
	store, err := db.openStore(t.Context(), 2)
	require.NoError(t, err)
	result, err := store.Append(t.Context(), eventstore.Write{Stream: newStream(), Events: newEvents(1)})
	require.NoError(t, err)
	count, last := 0, eventstore.Position(0)
	for event, err := range store.ReadAll(t.Context(), 0, eventstore.Filter{}) {
		require.NoError(t, err)
		assert.Len(t, event.Data, eventBytes)
		assert.Equal(t, eventstore.Version(1), event.Version)
		count, last = count+1, event.Position
	}
	assert.Equal(t, events+1, count)
	assert.Equal(t, result.Position, last, "the new event is the last")
}

func TestBothTablesAreFilledAlike(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	pool, err := db.openPool(t.Context(), 1)
	require.NoError(t, err)
	before := indexes(t, pool, "limit_events")

	require.NoError(t, fillMany(t.Context(), db, 100))

	assert.ElementsMatch(t, before, indexes(t, pool, "limit_events"))
	var differences int
	require.NoError(t, pool.QueryRow(t.Context(), `
		SELECT count(*)
		FROM pasttense.events AS ours
		FULL JOIN limit_events AS plain USING (position, category, stream_key, version)
		WHERE ours.data::text IS DISTINCT FROM plain.data::text`).Scan(&differences))
	assert.Zero(t, differences)
	_, err = insertRow(t.Context(), pool, newEvent().Data)
	assert.NoError(t, err, "the sequence is beyond what was filled")
}

func indexes(t *testing.T, pool *pgxpool.Pool, table string) []string {
	t.Helper()
	found, err := pool.Query(t.Context(), `SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = $1::text::regclass`,
		table)
	require.NoError(t, err)
	definitions, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, definitions)
	return definitions
}
