// Package client is what the processes of a program that torments have open of the database that all work on.
package client

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/pgstore"
)

// connections is the size of each pool of a process.
const connections = 16

// Client is a store, and a target on a pool of its own.
type Client struct {
	Store  *pgstore.Store
	Pool   *pgxpool.Pool
	Target *pgstore.Target
}

// Connect tries again when its backends are terminated. The caller closes the client.
func Connect(ctx context.Context, url string, logger *slog.Logger) (c *Client, err error) {
	url = throwaway.WithPool(url, connections)
	err = wait.Insist(ctx, func() error {
		store, err := pgstore.Open(ctx, url, &pgstore.Options{Logger: logger})
		if err != nil {
			return err
		}
		c, err = openPool(ctx, store, url)
		return err
	})
	return c, err
}

func openPool(ctx context.Context, store *pgstore.Store, url string) (*Client, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		_ = store.Close(ctx)
		return nil, err
	}
	return &Client{Store: store, Pool: pool, Target: pgstore.NewTarget(pool, nil)}, nil
}

// Close ends all connections.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	defer cancel()
	c.Pool.Close()
	return c.Store.Close(ctx)
}

// Run is what a child process does: it connects and works until ctx ends. Verbose has it log to standard error.
func Run(ctx context.Context, url string, verbose bool, work func(c *Client, logger *slog.Logger) error) error {
	logger := slog.New(slog.DiscardHandler)
	if verbose {
		logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("pid", os.Getpid())
	}
	c, err := Connect(ctx, url, logger)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was to end before it had begun
	}
	if err != nil {
		return err
	}
	return errors.Join(work(c, logger), c.Close())
}
