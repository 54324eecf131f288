package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// closeTimeout is ample for calls whose context has ended.
const closeTimeout = 10 * time.Second

// database is that of one work. What is opened through it is closed with it.
type database struct {
	server   *server
	name     string
	url      string
	progress log // for what takes long to make ready
	closers  []func(ctx context.Context) error
}

// onClose has a function called when the database is closed, before those that were given earlier.
func (db *database) onClose(f func(ctx context.Context) error) { db.closers = append(db.closers, f) }

// openStore opens a store on at most so many connections.
func (db *database) openStore(ctx context.Context, connections int) (*pgstore.Store, error) {
	store, err := pgstore.Open(ctx, throwaway.WithPool(db.url, connections), nil)
	if err != nil {
		return nil, err
	}
	db.onClose(store.Close)
	return store, nil
}

// openPool opens a pool of at most so many connections.
func (db *database) openPool(ctx context.Context, connections int) (*pgxpool.Pool, error) {
	pool, err := pgxpool.New(ctx, throwaway.WithPool(db.url, connections))
	if err != nil {
		return nil, err
	}
	db.onClose(func(context.Context) error {
		pool.Close()
		return nil
	})
	return pool, nil
}

// openFilledStore opens a store like openStore and fills it; it returns the streams that there are to read.
func (db *database) openFilledStore(ctx context.Context, connections int) (*pgstore.Store, []eventstore.StreamID, error) {
	store, err := db.openStore(ctx, connections)
	if err != nil {
		return nil, nil, err
	}
	streams, err := fill(ctx, store)
	return store, streams, err
}

// openFilledPool opens a pool like openPool and gives the limit's table the events that openFilledStore has made.
func (db *database) openFilledPool(ctx context.Context, connections int) (*pgxpool.Pool, error) {
	pool, err := db.openPool(ctx, connections)
	if err != nil {
		return nil, err
	}
	return pool, copyEvents(ctx, pool)
}

// close closes what was opened, also when ctx has ended, and then drops the database, unless ctx has ended: then the
// server is about to go.
func (db *database) close(ctx context.Context) error {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var errs []error
	for _, f := range slices.Backward(db.closers) {
		errs = append(errs, f(closing))
	}
	if ctx.Err() == nil {
		errs = append(errs, db.server.DropDatabase(ctx, db.name))
	}
	return errors.Join(errs...)
}
