// Package child runs a program a second time, in processes that are its children, to be killed, stopped and terminated.
package child

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// env makes a program a child process.
const env = "PASTTENSE_CHILD"

// readyLine is what a child writes to standard output when it heeds signals and knows what to do.
const readyLine = "ready\n"

// Run is what a child does with its assignment. Its context ends when the child is terminated, and when the parent does not
// want it any more or has itself ended. The orders are the lines that the parent sends. What it writes to out, the parent
// reads.
type Run[Assignment any] func(ctx context.Context, a Assignment, orders <-chan string, out io.Writer) error

// Main is for the beginning of a program's main function, which is to return when Main returns true. In a child it calls run,
// and exits with 1 when that fails. Elsewhere it does nothing and returns false.
func Main[Assignment any](program string, run Run[Assignment]) bool {
	if os.Getenv(env) == "" {
		return false
	}
	if err := serve(context.Background(), os.Stdin, os.Stdout, run); err != nil {
		fmt.Fprintf(os.Stderr, "%s: child process: %v\n", program, err)
		os.Exit(1)
	}
	return true
}

func serve[Assignment any](ctx context.Context, in io.Reader, out io.Writer, run Run[Assignment]) error {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer cancel()
	lines := bufio.NewReader(in)
	first, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the assignment: %w", err)
	}
	var a Assignment
	if err := json.Unmarshal(first, &a); err != nil {
		return fmt.Errorf("read the assignment: %w", err)
	}
	if _, err := io.WriteString(out, readyLine); err != nil {
		return fmt.Errorf("tell that it is ready: %w", err)
	}
	orders := make(chan string)
	go func() { // until the process ends: nothing interrupts a read of standard input
		defer cancel()
		for line, err := lines.ReadString('\n'); err == nil; line, err = lines.ReadString('\n') {
			select {
			case orders <- strings.TrimSuffix(line, "\n"):
			case <-ctx.Done():
			}
		}
	}()
	return run(ctx, a, orders, out)
}
