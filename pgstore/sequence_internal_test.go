package pgstore

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest"
)

// The last value drawn never goes back while others draw. (SELECT last_value does: it sees what nextval puts there for a
// moment before it writes its log.) A lower bound that is too high loses events.
func TestLastValueDrawnNeverGoesBack(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	require.NoError(t, Migrate(t.Context(), url, &MigrateOptions{Logger: slog.New(slog.DiscardHandler)}))
	conn := connect(t, url)
	var sequence uint32
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT 'pasttense.events_position'::regclass::oid").Scan(&sequence))

	drawing, stop := context.WithCancel(t.Context())
	var drawers sync.WaitGroup
	for range 3 {
		drawer := connect(t, url)
		drawers.Go(func() {
			for drawing.Err() == nil {
				_, err := drawer.Exec(t.Context(), "SELECT nextval('pasttense.events_position') FROM generate_series(1, 10000)")
				assert.NoError(t, err)
			}
		})
	}
	const readings = 300_000
	read := strings.Replace(newStatements(DefaultSchema, sequence).lastDrawn, "SELECT", "SELECT (", 1)
	read = strings.Replace(read, ", pg_is_in_recovery()", ")", 1)
	_, err := conn.Exec(t.Context(), fmt.Sprintf(`
		DO $$ DECLARE before bigint := 0; now bigint; BEGIN
			FOR i IN 1..%d LOOP
				now := (%s);
				IF now < before THEN RAISE 'the last value went back from %% to %%', before, now; END IF;
				before := now;
			END LOOP;
		END $$`, readings, read))
	stop()
	drawers.Wait()
	require.NoError(t, err)
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
