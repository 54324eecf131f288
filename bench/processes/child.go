package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/pasttense/pasttense/bench/internal/client"
	"github.com/pasttense/pasttense/processmanager"
)

// assignment is what a process has to do.
type assignment struct {
	URL        string
	MailURL    string
	Partitions int
	Lease      time.Duration
	Verbose    bool
	// Careless has mails sent with a new key each time, instead of the command's ID.
	Careless bool
}

// attempts is how often a command is tried before its instance is parked.
const attempts = 5

// options have leases that end soon, so that stops are longer.
func (a assignment) options(logger *slog.Logger) *processmanager.Options {
	return &processmanager.Options{
		DispatchTimeout: a.Lease * 2 / 5,
		DispatchLease:   a.Lease,
		PollInterval:    100 * time.Millisecond,
		Attempts:        attempts,
		MinBackoff:      20 * time.Millisecond,
		MaxBackoff:      500 * time.Millisecond,
		Partitions:      a.Partitions,
		Lease:           a.Lease,
		Logger:          logger,
	}
}

// runChild stops cleanly when ctx ends.
func runChild(ctx context.Context, a assignment, _ <-chan string, _ io.Writer) error {
	return client.Run(ctx, a.URL, a.Verbose, func(db *client.Client, logger *slog.Logger) error {
		receivers := newReceivers(db.Store, a.MailURL, a.Careless)
		return newManager(db, receivers.dispatch, a.options(logger)).Run(ctx)
	})
}
