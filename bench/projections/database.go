package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/pgstore"
)

const (
	// connections is the size of each pool of a process.
	connections = 16

	// patience is how long something may take before it counts as stuck.
	patience = 60 * time.Second

	// retryPause is between attempts after backends were terminated.
	retryPause = 50 * time.Millisecond
)

// database is what a process has open of the database that all work on.
type database struct {
	store  *pgstore.Store
	pool   *pgxpool.Pool
	target *pgstore.Target // on the pool
}

// connect tries again when its backends are terminated.
func connect(ctx context.Context, url string, logger *slog.Logger) (*database, error) {
	url = throwaway.WithPool(url, connections)
	for deadline := time.Now().Add(patience); ; {
		store, err := pgstore.Open(ctx, url, &pgstore.Options{Logger: logger})
		if err == nil {
			return openPool(ctx, store, url)
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return nil, err
		}
		pause(ctx, retryPause)
	}
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
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db.pool.Close()
	return db.store.Close(ctx)
}

// pause waits for d, and returns false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// insist calls do until it succeeds, as backends are terminated, or until it has not for too long.
func insist(ctx context.Context, do func() error) error {
	for deadline := time.Now().Add(patience); ; {
		err := do()
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		pause(ctx, retryPause)
	}
}
