package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/pasttense/pasttense/projection"
)

// assignment is what a process has to do.
type assignment struct {
	URL        string
	Partitions int
	Lease      time.Duration
	Verbose    bool
}

// attempts is how often an event that fails is tried.
const attempts = 3

// runChild stops cleanly when ctx ends.
func runChild(ctx context.Context, a assignment, _ <-chan string, _ io.Writer) error {
	logger := slog.New(slog.DiscardHandler)
	if a.Verbose {
		logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("pid", os.Getpid())
	}
	db, err := connect(ctx, a.URL, logger)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was to end before it had begun
	}
	if err != nil {
		return err
	}
	running := newProjection(db.store, db.target, &projection.Options{
		Policy:     projection.Park,
		Attempts:   attempts,
		Partitions: a.Partitions,
		Lease:      a.Lease,
		Logger:     logger,
	})
	return errors.Join(running.Run(ctx), db.close())
}
