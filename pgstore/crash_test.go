package pgstore_test

import (
	"iter"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

// S4 across a crash after which the sequence draws positions a second time: what a subscriber was told before must not
// cover the events that get them.
func TestASequenceThatGoesBackHidesNothing(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t)
	require.NoError(t, pgstore.Migrate(t.Context(), server.URL(), &pgstore.MigrateOptions{Logger: silent}))

	// The crash must come before the server writes the log of the sequence to disk by itself, so it takes several.
	for range 20 {
		if crashAfterRollback(t, server) {
			return
		}
	}
	t.Fatal("the sequence went back in none of 20 crashes, so nothing was tested")
}

// crashAfterRollback draws positions, rolls back, subscribes, crashes the server and appends. It returns false when the
// sequence did not go back.
func crashAfterRollback(t *testing.T, server *pgtest.Server) bool {
	t.Helper()
	store, pool := open(t, server.URL(), pgstore.Options{}), newPool(t, server.URL())
	var before, after int64

	first, err := store.Append(t.Context(), added(order42, 1))
	require.NoError(t, err)
	// What failed appends do to the sequence, without what else makes the server write its log.
	tx := begin(t, pool, pgx.TxOptions{})
	const draw = "SELECT max(nextval('pasttense.events_position')) FROM generate_series(1, 500)"
	require.NoError(t, tx.QueryRow(t.Context(), draw).Scan(&before))
	require.NoError(t, tx.Rollback(t.Context()))
	through := nextBatch(t, store, first.Position).Through
	require.NoError(t, server.Crash(t.Context()))

	reopened, reconnected := open(t, server.URL(), pgstore.Options{}), newPool(t, server.URL())
	require.NoError(t, reconnected.QueryRow(t.Context(), "SELECT last_value FROM pasttense.events_position").Scan(&after))
	appended, err := reopened.Append(t.Context(), added(order42, 20))
	require.NoError(t, err)
	batch := nextBatch(t, reopened, through)
	require.Equal(t, 20, len(batch.Events)) //nolint:testifylint // Len prints them all
	require.Equal(t, appended.Position, batch.Through)
	return after < before
}

// nextBatch subscribes after a position and returns the first batch.
func nextBatch(t *testing.T, store eventstore.Store, after eventstore.Position) eventstore.Batch {
	t.Helper()
	next, stop := iter.Pull2(store.Subscribe(t.Context(), after, eventstore.Filter{}))
	defer stop()
	batch, err, _ := next()
	require.NoError(t, err)
	return batch
}
