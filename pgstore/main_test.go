package pgstore_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithCleanup(m)) }

// migrated is a database with an empty store.
var migrated = pgtest.NewTemplate(func(ctx context.Context, url string) error {
	return pgstore.Migrate(ctx, url, nil)
})

// noPolling makes a test hang rather than pass because of the safety net.
const noPolling = 10 * time.Minute

// open opens a store that is closed when the test ends.
func open(t *testing.T, url string, options pgstore.Options) *pgstore.Store {
	t.Helper()
	if options.PollInterval == 0 {
		options.PollInterval = noPolling
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	store, err := pgstore.Open(t.Context(), url, &options)
	require.NoError(t, err)
	t.Cleanup(func() { closeStore(t, store) })
	return store
}

func closeStore(t *testing.T, store *pgstore.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	require.NoError(t, store.Close(ctx))
}

// newPool returns a pool of the test's own, apart from the store's.
func newPool(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// begin opens a transaction on a connection of its own.
func begin(t *testing.T, pool *pgxpool.Pool, options pgx.TxOptions) pgx.Tx {
	t.Helper()
	tx, err := pool.BeginTx(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	return tx
}
