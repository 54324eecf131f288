package pgstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/eventstore/eventstoretest"
	"github.com/pasttense/pasttense/pgstore"
)

func TestTargetConformance(t *testing.T) {
	t.Parallel()
	eventstoretest.RunTarget(t, func(t *testing.T) eventstoretest.TargetHarness[pgx.Tx] {
		t.Helper()
		url := migrated.Database(t)
		pool, observer := newPool(t, url), newPool(t, url)
		_, err := pool.Exec(t.Context(), "CREATE TABLE marks (name text PRIMARY KEY, count int NOT NULL)")
		require.NoError(t, err)
		return eventstoretest.TargetHarness[pgx.Tx]{
			Target: pgstore.NewTarget(pool, nil),
			Mark: func(ctx context.Context, tx pgx.Tx, name string) error {
				_, err := tx.Exec(ctx, `INSERT INTO marks AS m VALUES ($1, 1)
					ON CONFLICT (name) DO UPDATE SET count = m.count + 1`, name)
				return err
			},
			Marks: func(ctx context.Context, name string) (count int, err error) {
				err = observer.QueryRow(ctx, "SELECT count FROM marks WHERE name = $1", name).Scan(&count)
				if errors.Is(err, pgx.ErrNoRows) {
					return 0, nil
				}
				return count, err
			},
			Open: func(context.Context) (eventstore.Target[pgx.Tx], error) {
				return pgstore.NewTarget(newPool(t, url), nil), nil
			},
			Kill:     func(ctx context.Context) error { return killConnections(ctx, url) },
			Parallel: true,
		}
	})
}

func TestAgendaConformance(t *testing.T) {
	t.Parallel()
	eventstoretest.RunAgenda(t, func(t *testing.T) eventstoretest.AgendaHarness {
		t.Helper()
		url := migrated.Database(t)
		return eventstoretest.AgendaHarness{
			Agenda: pgstore.NewTarget(newPool(t, url), nil),
			Open: func(context.Context) (eventstore.Agenda, error) {
				return pgstore.NewTarget(newPool(t, url), nil), nil
			},
			Parallel: true,
		}
	})
}
