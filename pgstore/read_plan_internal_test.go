package pgstore

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest"
)

// Streams are read by their index, in its order, whatever the planner knows of the table: nothing, as after a restore, or
// that most events are those of one stream.
func TestStreamsAreReadByTheirIndex(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	require.NoError(t, Migrate(t.Context(), url, &MigrateOptions{Logger: slog.New(slog.DiscardHandler)}))
	conn := connect(t, url)
	execute := func(statements ...string) {
		for _, statement := range statements {
			_, err := conn.Exec(t.Context(), statement)
			require.NoError(t, err)
		}
	}
	sql := newStatements(DefaultSchema, 0)
	check := func(about string) {
		for name, statement := range map[string]string{
			"forwards": sql.readForwards, "backwards": sql.readBackwards, "shared": sql.readShared,
		} {
			plan := explain(t, conn, statement)
			assert.Contains(t, plan, "using events_version_key", "%s, %s", name, about)
			assert.Contains(t, plan, "(version ", "%s, %s", name, about)
			assert.NotContains(t, plan, "Sort", "%s, %s", name, about)
		}
	}
	execute(sqlPlanForStore, `ALTER TABLE pasttense.events SET (autovacuum_enabled = false)`)
	check("an empty table")
	execute(`
		INSERT INTO pasttense.events (position, version, category, stream_key, type, event_id, schema_version, id_given,
			content_type, data)
		SELECT n AS position, n, 'order', CASE WHEN n <= 20000 THEN '42' ELSE n::text END, 'added', gen_random_uuid(), 1,
			false, 'application/json', '{}'
		FROM generate_series(1, 22000) AS n`)
	check("not analyzed")
	execute(`ANALYZE pasttense.events`)
	check("a long stream")
}

// explain returns the plan that the store's sessions have for a statement.
func explain(t *testing.T, conn *pgx.Conn, statement string) string {
	t.Helper()
	const name = "explained"
	prepared, err := conn.Prepare(t.Context(), name, statement)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Deallocate(context.WithoutCancel(t.Context()), name)) }()
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(prepared.ParamOIDs)), ", ")
	rows, _ := conn.Query(t.Context(), "EXPLAIN EXECUTE "+name+"("+nulls+")", pgx.QueryExecModeSimpleProtocol)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(plan, "\n")
}
