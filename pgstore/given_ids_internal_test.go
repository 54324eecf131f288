package pgstore

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest"
)

// A table is not analyzed when the database was just made, restored or upgraded, nor for a while after the server has
// crashed. The planner takes streams for short then. An append that looked for its event IDs in the events of a long one
// would take seconds, in which others overtake it.
func TestGivenIDsAreFoundThroughTheirIndexWhereNothingIsAnalyzed(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	require.NoError(t, Migrate(t.Context(), url, &MigrateOptions{Logger: slog.New(slog.DiscardHandler)}))
	conn := connect(t, url)
	for _, statement := range []string{
		sqlPlanForStore,
		`ALTER TABLE pasttense.events SET (autovacuum_enabled = false)`,
		`INSERT INTO pasttense.events (position, version, category, stream_key, type, event_id, schema_version, id_given,
				content_type, data)
			SELECT n AS position, n, 'order', '42', 'added', gen_random_uuid(), 1, n % 10 = 0, 'application/json', '{}'
			FROM generate_series(1, 3000) AS n`,
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	var sequence uint32
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT 'pasttense.events_position'::regclass::oid").Scan(&sequence))
	sql := newStatements(DefaultSchema, sequence)
	for _, search := range []struct{ name, statement, index string }{
		{"insert", sql.insert, "events_given_id"},
		{"insert inside a transaction", sql.insertInside, "events_given_id"},
		{"repeats", sql.givenIDs, "events_given_id"},
		{"a given ID", sql.findGiven, "events_given_id"},
		{"a given ID before a position", sql.findGivenBefore, "events_given_id"},
		{"any ID in a window", sql.findInWindow, "Index Scan Backward using events_position_key"},
	} {
		name, statement := search.name, search.statement
		prepared, err := conn.Prepare(t.Context(), name, statement)
		require.NoError(t, err)
		nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(prepared.ParamOIDs)), ", ")
		explain := "EXPLAIN EXECUTE " + pgx.Identifier{name}.Sanitize() + "(" + nulls + ")"
		rows, _ := conn.Query(t.Context(), explain, pgx.QueryExecModeSimpleProtocol)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		assert.Contains(t, strings.Join(plan, "\n"), search.index, name)
	}
}
