package pgstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/eventstore/eventstoretest"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

// TestConformance holds the store to its guarantees, whatever the database's defaults are.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, defaults := range []struct {
		name, parameter, value string
		held                   pgx.TxIsoLevel // of held appends
	}{
		{"read committed", "default_transaction_isolation", "read committed", pgx.ReadCommitted},
		{"repeatable read", "default_transaction_isolation", "repeatable read", pgx.RepeatableRead},
		// The database may refuse to commit a serializable transaction, which is its owner's affair.
		{"serializable", "default_transaction_isolation", "serializable", pgx.ReadCommitted},
		{"synchronous commit off", "synchronous_commit", "off", pgx.ReadCommitted},
	} {
		t.Run(defaults.name, func(t *testing.T) {
			t.Parallel()
			eventstoretest.Run(t, func(t *testing.T) eventstoretest.Harness {
				t.Helper()
				url := migrated.Database(t)
				pgtest.SetDefault(t, url, defaults.parameter, defaults.value)
				harness := newHarness(t, url, pgstore.DefaultSchema, defaults.held)
				harness.Parallel = true
				return harness
			})
		})
	}
}

// TestConformanceAcrossCrashes does so on a server that is crashed, with the defaults that lose most by it. Each clause
// has a schema of its own there.
func TestConformanceAcrossCrashes(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t)
	pgtest.SetDefault(t, server.URL(), "synchronous_commit", "off")
	var clauses atomic.Int64
	eventstoretest.Run(t, func(t *testing.T) eventstoretest.Harness {
		t.Helper()
		schema := fmt.Sprintf("clause %d", clauses.Add(1))
		require.NoError(t, pgstore.Migrate(t.Context(), server.URL(), &pgstore.MigrateOptions{Schema: schema, Logger: silent}))
		harness := newHarness(t, server.URL(), schema, pgx.ReadCommitted)
		harness.Crash = server.Crash
		return harness
	})
}

var silent = slog.New(slog.DiscardHandler)

func newHarness(t *testing.T, url, schema string, held pgx.TxIsoLevel) eventstoretest.Harness {
	t.Helper()
	options := &pgstore.Options{Schema: schema, PollInterval: noPolling, Logger: silent}
	store, err := pgstore.Open(t.Context(), url, options)
	require.NoError(t, err)
	config, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	config.MaxConns = 10 // what clauses hold open at once
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return eventstoretest.Harness{
		Store:        store,
		Open:         func(ctx context.Context) (eventstore.Store, error) { return pgstore.Open(ctx, url, options) },
		Hold:         holder(store, pool, held),
		PollInterval: noPolling,
		OpenUnrelated: func(ctx context.Context) (eventstoretest.Held, error) {
			return openUnrelated(ctx, pool)
		},
		Kill: func(ctx context.Context) error { return killConnections(ctx, url) },
	}
}

// holder holds appends by AppendTx in a transaction that stays open.
func holder(
	store *pgstore.Store, pool *pgxpool.Pool, isolation pgx.TxIsoLevel,
) func(ctx context.Context, writes ...eventstore.Write) (eventstoretest.Held, error) {
	return func(ctx context.Context, writes ...eventstore.Write) (eventstoretest.Held, error) {
		tx, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: isolation})
		if err != nil {
			return nil, err
		}
		if _, err := store.AppendTx(ctx, tx, writes...); err != nil {
			_ = tx.Rollback(context.WithoutCancel(ctx))
			return nil, err
		}
		return tx, nil
	}
}

func openUnrelated(ctx context.Context, pool *pgxpool.Pool) (pgx.Tx, error) {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	const write = `CREATE TABLE public.unrelated (); SELECT pg_advisory_xact_lock_shared(1, 1)`
	if _, err := tx.Exec(ctx, write, pgx.QueryExecModeSimpleProtocol); err != nil {
		_ = tx.Rollback(context.WithoutCancel(ctx))
		return nil, err
	}
	return tx, nil
}

func killConnections(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`)
	return err
}
