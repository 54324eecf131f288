// Package backend puts together what keeps the events and the read model: all in memory, or all in a Postgres database.
// Nothing else in the example knows which of them it is.
package backend

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/readmodel"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

// Backend keeps the events and the read model.
type Backend struct {
	Store eventstore.Store
	// Agenda has the tasks of the checkout process, and the checkpoints of all consumers.
	Agenda eventstore.Agenda
	// Views are filled by the Populator while that runs.
	Views     readmodel.Reader
	Populator projection.Runner

	pool *pgxpool.Pool // of agenda and views; nil in memory
}

// Memory returns an empty backend in memory.
func Memory(log *slog.Logger) *Backend {
	store := memstore.New(nil)
	target := memstore.NewTarget(nil)
	views := readmodel.NewMemory(target)
	populator := readmodel.NewPopulator(store, target, views, &projection.Options{Logger: log})
	return &Backend{Store: store, Agenda: target, Views: views, Populator: populator}
}

// Migrate prepares a database for Postgres. It may be called again, and by several processes at once.
func Migrate(ctx context.Context, url string, log *slog.Logger) error {
	if err := pgstore.Migrate(ctx, url, &pgstore.MigrateOptions{Logger: log}); err != nil {
		return err
	}
	return readmodel.Migrate(ctx, url)
}

// Postgres returns the backend in a database that Migrate has prepared.
func Postgres(ctx context.Context, url string, log *slog.Logger) (*Backend, error) {
	pool, err := pgxpool.New(ctx, url) // the store's connections are its own
	if err != nil {
		return nil, err
	}
	store, err := pgstore.Open(ctx, url, &pgstore.Options{Logger: log})
	if err != nil {
		pool.Close()
		return nil, err
	}
	target := pgstore.NewTarget(pool, nil)
	views := readmodel.NewPostgres(pool)
	populator := readmodel.NewPopulator(store, target, views, &projection.Options{Logger: log})
	return &Backend{Store: store, Agenda: target, Views: views, Populator: populator, pool: pool}, nil
}

// Query returns what answers clients' questions.
func (b *Backend) Query() *readmodel.Query { return readmodel.NewQuery(b.Store, b.Agenda, b.Views) }

// Close releases what the backend holds. Nothing may use it any more.
func (b *Backend) Close(ctx context.Context) error {
	if b.pool != nil {
		b.pool.Close()
	}
	return b.Store.Close(ctx)
}
