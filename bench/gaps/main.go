// Gaps shows what a subscription to an event log in Postgres can get wrong. Appenders write one log at the same time,
// with pauses between drawing a position and the commit, and with rollbacks. Three readers follow it: one that asks for
// what lies after the last position it has seen, one that shows nothing newer than the oldest open transaction, and the
// store's own. In the middle an unrelated transaction is left open for a while, in another database of the server.
//
//	go run ./bench/gaps
//
// It prints a table. It starts a Postgres of its own, from the server programs on this machine, or works on a database of
// its own of the server that -server names.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/pasttense/pasttense/bench/internal/program"
	"github.com/pasttense/pasttense/bench/internal/throwaway"
)

func main() { program.Main("gaps", run) }

// settings are what the command line says.
type settings struct {
	duration  time.Duration
	unrelated time.Duration
	appenders int
	serverURL string // empty: a server of our own
}

func parseFlags(args []string, usage io.Writer) (settings, error) {
	var s settings
	set := flag.NewFlagSet("gaps", flag.ContinueOnError)
	set.SetOutput(usage)
	set.DurationVar(&s.duration, "for", 12*time.Second, "how long the appenders write")
	set.DurationVar(&s.unrelated, "unrelated", 5*time.Second, "how long the unrelated transaction is left open, in the middle")
	set.IntVar(&s.appenders, "appenders", 16, "how many goroutines append")
	set.StringVar(&s.serverURL, "server", "", "the `URL` of a server to use instead of one of its own, as a role that may create "+
		"databases; it makes its database beside the one that is named, and drops it at the end")
	if err := set.Parse(args); err != nil {
		return settings{}, err
	}
	switch {
	case set.NArg() > 0:
		return settings{}, fmt.Errorf("unexpected argument %q", set.Arg(0))
	case s.unrelated <= 0 || s.duration < s.unrelated:
		return settings{}, fmt.Errorf("-for is %s and -unrelated %s: it must be positive, and no longer", s.duration, s.unrelated)
	case s.appenders < 1:
		return settings{}, fmt.Errorf("-appenders is %d, the least is 1", s.appenders)
	}
	return s, nil
}

func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	s, err := parseFlags(args, progress)
	if err != nil {
		return err
	}
	server, err := throwaway.Open(ctx, s.serverURL, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	r, err := newRace(ctx, server, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	fmt.Fprintf(progress, "%d appenders write for %s\n", s.appenders, s.duration)
	if err := r.run(ctx); err != nil {
		return err
	}
	results, err := r.results(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(out, table(s, results))
	return nil
}
