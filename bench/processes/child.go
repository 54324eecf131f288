package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

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
	receivers := newReceivers(db.store, a.MailURL, a.Careless)
	running := newManager(db, receivers.dispatch, a.options(logger))
	return errors.Join(running.Run(ctx), db.close())
}
