// Package program is what the main functions of this module's programs have in common.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Run is a program: it gets the arguments of the command line, writes its results to out and what it is about to
// progress. When ctx ends it cleans up and returns.
type Run func(ctx context.Context, args []string, out, progress io.Writer) error

// Main calls run with the command line's arguments, standard output and standard error, and a context that ends when the
// program is interrupted or terminated. It returns when run does, or says what went wrong and exits with 1.
func Main(name string, run Run) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := outcome(ctx, run(ctx, os.Args[1:], os.Stdout, os.Stderr))
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

var errInterrupted = errors.New("interrupted")

// outcome is what is said of the error that run returned.
func outcome(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, flag.ErrHelp): // it was asked for, and printed
		return nil
	case err != nil && ctx.Err() != nil:
		return errInterrupted // rather than where
	}
	return err
}
