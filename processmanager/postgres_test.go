package processmanager_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

var migrated = pgtest.NewTemplate(func(ctx context.Context, url string) error {
	return pgstore.Migrate(ctx, url, &pgstore.MigrateOptions{Logger: slog.New(slog.DiscardHandler)})
})

// openPostgres returns a store on a database of its own, and a pool on the same.
func openPostgres(t *testing.T) (*pgstore.Store, *pgxpool.Pool) {
	t.Helper()
	url := migrated.Database(t)
	store, err := pgstore.Open(t.Context(), url, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close(context.WithoutCancel(t.Context()))) })
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return store, pool
}

func newPlaceOnPostgres(t *testing.T) *place {
	t.Helper()
	store, pool := openPostgres(t)
	p := &place{
		t:      t,
		store:  store,
		agenda: pgstore.NewTarget(pool, nil),
		passLeases: func() {
			_, err := pool.Exec(t.Context(),
				"UPDATE pasttense.instances SET commands_due_at = clock_timestamp() WHERE commands_due_at IS NOT NULL")
			require.NoError(t, err)
		},
	}
	t.Cleanup(p.requireWalkable)
	return p
}
