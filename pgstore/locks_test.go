package pgstore_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// awaitBlocked returns when a session of the database waits for a transaction.
func awaitBlocked(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	const blocked = `
		SELECT EXISTS (
			SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'transactionid'
		)`
	require.Eventually(t, func() bool {
		var found bool
		err := pool.QueryRow(t.Context(), blocked).Scan(&found)
		return err == nil && found
	}, time.Minute, 5*time.Millisecond)
}
