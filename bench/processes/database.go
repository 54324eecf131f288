package main

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/pgstore"
)

// connections is the size of each pool of a process.
const connections = 16

// database is what a process has open of the database that all work on.
type database struct {
	store  *pgstore.Store
	pool   *pgxpool.Pool
	target *pgstore.Target // on the pool
}

// connect tries again when its backends are terminated.
func connect(ctx context.Context, url string, logger *slog.Logger) (db *database, err error) {
	url = throwaway.WithPool(url, connections)
	err = wait.Insist(ctx, func() error {
		store, err := pgstore.Open(ctx, url, &pgstore.Options{Logger: logger})
		if err != nil {
			return err
		}
		db, err = openPool(ctx, store, url)
		return err
	})
	return db, err
}

func openPool(ctx context.Context, store *pgstore.Store, url string) (*database, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		_ = store.Close(ctx)
		return nil, err
	}
	return &database{store: store, pool: pool, target: pgstore.NewTarget(pool, nil)}, nil
}

func (db *database) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	defer cancel()
	db.pool.Close()
	return db.store.Close(ctx)
}
