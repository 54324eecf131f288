package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/pasttense/pasttense/bench/internal/client"
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
	return client.Run(ctx, a.URL, a.Verbose, func(db *client.Client, logger *slog.Logger) error {
		return newProjection(db.Store, db.Target, &projection.Options{
			Policy:     projection.Park,
			Attempts:   attempts,
			Partitions: a.Partitions,
			Lease:      a.Lease,
			Logger:     logger,
		}).Run(ctx)
	})
}
