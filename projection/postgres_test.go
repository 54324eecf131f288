package projection_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

var migrated = pgtest.NewTemplate(func(ctx context.Context, url string) error {
	if err := pgstore.Migrate(ctx, url, &pgstore.MigrateOptions{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "CREATE TABLE notes (number bigserial PRIMARY KEY, entry text NOT NULL)")
	return err
})

func TestOnPostgres(t *testing.T) {
	t.Parallel()
	for name, play := range scenarios[pgx.Tx]() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(onPostgres(t))
		})
	}
}

func onPostgres(t *testing.T) backend[pgx.Tx] {
	t.Helper()
	url := migrated.Database(t)
	store, err := pgstore.Open(t.Context(), url, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close(context.WithoutCancel(t.Context()))) })
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return backend[pgx.Tx]{
		t:      t,
		store:  store,
		target: pgstore.NewTarget(pool, nil),
		pool:   pool,
		note: func(ctx context.Context, tx pgx.Tx, entry string) error {
			_, err := tx.Exec(ctx, "INSERT INTO notes (entry) VALUES ($1)", entry)
			return err
		},
		notes: func() []string {
			rows, err := pool.Query(t.Context(), "SELECT entry FROM notes ORDER BY number")
			require.NoError(t, err)
			entries, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			return entries
		},
	}
}
