package pgstore_test

import (
	"iter"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

func TestAppendTxHappensWithTheCallersTransaction(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newPool(t, url)

	rolledBack := begin(t, pool, pgx.TxOptions{})
	_, err := store.AppendTx(t.Context(), rolledBack, added(order42, 1))
	require.NoError(t, err)
	require.NoError(t, rolledBack.Rollback(t.Context()))
	require.Empty(t, stream(t, store, order42))

	committed := begin(t, pool, pgx.TxOptions{})
	first, err := store.AppendTx(t.Context(), committed, added(order42, 2))
	require.NoError(t, err)
	second, err := store.AppendTx(t.Context(), committed, expecting(eventstore.Exactly(2), added(order42, 1)))
	require.NoError(t, err)
	require.Empty(t, stream(t, store, order42))
	require.NoError(t, committed.Commit(t.Context()))

	events := stream(t, store, order42)
	require.Len(t, events, 3)
	assert.Equal(t, events[1].Position, first.Position)
	assert.Equal(t, events[2].Position, second.Position)
	assert.EqualValues(t, 3, second.Writes[0].Version)
}

// The lock table is shared memory of the whole server: a transaction takes one entry, however much it appends.
func TestAppendTxTakesOneLockForATransaction(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newPool(t, url)

	tx := begin(t, pool, pgx.TxOptions{})
	for range 5 {
		_, err := store.AppendTx(t.Context(), tx, added(order42, 1))
		require.NoError(t, err)
		// What others append moves the sequence on, so that a second lock would have another key.
		_, err = store.Append(t.Context(), added(eventstore.StreamID{Category: "order", Key: "43"}, 1))
		require.NoError(t, err)
	}
	var locks int
	const count = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`
	require.NoError(t, tx.QueryRow(t.Context(), count).Scan(&locks))
	assert.Equal(t, 1, locks)
}

// A savepoint that is rolled back gives up the lock that was taken after it. The next append must take it anew, or
// readers run past it.
func TestAppendTxLocksAgainAfterASavepointWasRolledBack(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newPool(t, url)

	tx := begin(t, pool, pgx.TxOptions{})
	savepoint, err := tx.Begin(t.Context())
	require.NoError(t, err)
	_, err = store.AppendTx(t.Context(), savepoint, added(order42, 1))
	require.NoError(t, err)
	require.NoError(t, savepoint.Rollback(t.Context()))
	held, err := store.AppendTx(t.Context(), tx, added(order42, 1))
	require.NoError(t, err)

	behind, err := store.Append(t.Context(), added(eventstore.StreamID{Category: "order", Key: "43"}, 1))
	require.NoError(t, err)
	require.Less(t, held.Position, behind.Position)
	require.Empty(t, collect(t, store.ReadAll(t.Context(), 0, eventstore.Filter{})))
	require.NoError(t, tx.Commit(t.Context()))
	require.Len(t, collect(t, store.ReadAll(t.Context(), 0, eventstore.Filter{})), 2)
}

func TestAppendTxThatComesSecondIsAConflict(t *testing.T) {
	t.Parallel()
	for _, isolation := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
		for _, expected := range []eventstore.ExpectedVersion{eventstore.NoStream, eventstore.AnyVersion} {
			t.Run(string(isolation)+", "+expected.String(), func(t *testing.T) {
				t.Parallel()
				url := migrated.Database(t)
				store, pool := open(t, url, pgstore.Options{}), newPool(t, url)

				first := begin(t, pool, pgx.TxOptions{})
				_, err := store.AppendTx(t.Context(), first, added(order42, 1))
				require.NoError(t, err)
				second := begin(t, pool, pgx.TxOptions{IsoLevel: isolation})
				outcome := make(chan error, 1)
				go func() {
					_, err := store.AppendTx(t.Context(), second, expecting(expected, added(order42, 1)))
					outcome <- err
				}()
				awaitBlocked(t, pool)
				require.NoError(t, first.Commit(t.Context()))

				var conflict *eventstore.ConflictError
				require.ErrorAs(t, <-outcome, &conflict)
				assert.Equal(t, eventstore.ConflictError{
					Stream: order42, Expected: expected, Actual: eventstore.VersionUnknown,
				}, *conflict)
				require.NoError(t, second.Rollback(t.Context()))
				require.Len(t, stream(t, store, order42), 1)
			})
		}
	}
}

// A transaction whose snapshot is older than the winner's commit does not see it, and must lose nevertheless.
func TestAppendTxWithAnOldSnapshotIsAConflict(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newPool(t, url)

	tx := begin(t, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, tx.QueryRow(t.Context(), "SELECT count(*) FROM pasttense.events").Scan(new(int)))
	_, err := store.Append(t.Context(), expecting(eventstore.NoStream, added(order42, 1)))
	require.NoError(t, err)

	_, err = store.AppendTx(t.Context(), tx, expecting(eventstore.NoStream, added(order42, 1)))
	var conflict *eventstore.ConflictError
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, order42, conflict.Stream)
}

// Nothing tells the store of the caller's commit. A subscription gets its events all the same, long before it would
// poll, and also in another process.
func TestAppendTxReachesSubscriptions(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, other, pool := open(t, url, pgstore.Options{}), open(t, url, pgstore.Options{}), newPool(t, url)
	for _, reader := range []eventstore.Store{store, other} {
		appendTxReaches(t, store, reader, pool)
	}
}

func appendTxReaches(t *testing.T, store *pgstore.Store, reader eventstore.Store, pool *pgxpool.Pool) {
	t.Helper()
	next, stop := iter.Pull2(reader.Subscribe(t.Context(), 0, eventstore.Filter{}))
	defer stop()
	_, err, _ := next() // subscribed
	require.NoError(t, err)

	tx := begin(t, pool, pgx.TxOptions{})
	appended, err := store.AppendTx(t.Context(), tx, added(order42, 1))
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	for {
		batch, err, _ := next()
		require.NoError(t, err)
		if batch.Through == appended.Position {
			return
		}
	}
}
