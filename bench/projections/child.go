package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pasttense/pasttense/projection"
)

// childEnv makes this program a process that runs the projection. It gets its assignment on standard input, and stops cleanly
// when it is terminated, or when standard input ends.
const childEnv = "PASTTENSE_PROJECTIONS_CHILD"

// readyLine is what the process writes to standard output when it heeds signals and knows what to do.
const readyLine = "ready\n"

// assignment is what a process has to do.
type assignment struct {
	URL        string
	Partitions int
	Lease      time.Duration
	Verbose    bool
}

// attempts is how often an event that fails is tried.
const attempts = 3

func runChild(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer cancel()
	var a assignment
	if err := json.NewDecoder(in).Decode(&a); err != nil {
		return fmt.Errorf("read the assignment: %w", err)
	}
	if _, err := io.WriteString(out, readyLine); err != nil {
		return fmt.Errorf("tell that it is ready: %w", err)
	}
	go func() { // until the process ends: nothing interrupts a read of standard input
		defer cancel()
		_, _ = io.Copy(io.Discard, in)
	}()
	logger := slog.New(slog.DiscardHandler)
	if a.Verbose {
		logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("pid", os.Getpid())
	}
	db, err := connect(ctx, a.URL, logger)
	if ctx.Err() != nil {
		return nil
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

func childMain() {
	if err := runChild(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "projections: child process:", err)
		os.Exit(1)
	}
}
