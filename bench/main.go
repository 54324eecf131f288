// Bench measures how fast the library is beside the least that the same work can cost: plain pgx on the same server, or
// a mutex around a map. It starts a Postgres of its own, from the server programs on this machine.
//
//	go run ./bench -only append-64,live
//
// A work is measured in rounds, ours and the limit in turn, so that what else the machine does befalls both. Figures
// alone drift by a quarter from run to run; the ratio is what counts. What the figures depend on and the table go to
// standard output, progress to standard error, and the results as JSON to bench/out/latest.json.
//
// The soak is no comparison and runs only when it is named: it fails when the memory of a busy store grows.
//
// With -cpuprofile, look at one side of one work with: go tool pprof -tagfocus='work:append-64$,side:ours'.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/pasttense/pasttense/bench/internal/program"
)

func main() { program.Main("bench", run) }

// flags are what the command line says.
type flags struct {
	only       string
	seconds    float64
	rounds     int
	out        string
	cpuProfile string
}

func parseFlags(args []string, usage io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(usage)
	set.StringVar(&f.only, "only", "", "the `works` to measure, separated by commas; all when empty: "+
		strings.Join(names(works()), ", "))
	set.Float64Var(&f.seconds, "seconds", 0, "how long a side is measured in a round, and how long the soak works; a call "+
		"that has begun is finished; 0 is "+defaultRound.String()+", and "+soakDuration.String()+" for the soak")
	set.IntVar(&f.rounds, "rounds", 5, "how often each side is measured")
	set.StringVar(&f.out, "out", "bench/out/latest.json", "the `file` for the results as JSON")
	set.StringVar(&f.cpuProfile, "cpuprofile", "", "a `file` for a CPU profile of the whole run")
	if err := set.Parse(args); err != nil {
		return flags{}, err
	}
	switch {
	case set.NArg() > 0:
		return flags{}, fmt.Errorf("unexpected argument %q: works are named with -only", set.Arg(0))
	case f.seconds < 0:
		return flags{}, fmt.Errorf("-seconds is %g, it must not be negative", f.seconds)
	case f.rounds < 1:
		return flags{}, fmt.Errorf("-rounds is %d, the least is 1", f.rounds)
	}
	return f, nil
}

// run returns once the server is stopped and its directory removed, whether it was interrupted or not.
func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	f, err := parseFlags(args, progress)
	if err != nil {
		return err
	}
	selected, err := choose(works(), f.only)
	if err != nil {
		return err
	}
	stopProfile, err := startProfile(f.cpuProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfile()) }()
	server, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	return report(ctx, server, selected, f, out, log{progress})
}

// report measures the works and prints what was measured. A work that fails, as for want of disk space, keeps the others
// from nothing, but an interruption does.
func report(ctx context.Context, server *server, selected []work, f flags, out io.Writer, progress log) error {
	description, err := server.describe(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, description)
	p := plan{f.rounds, time.Duration(f.seconds * float64(time.Second))}
	var results []result
	var failed []error
	for _, w := range selected {
		w.target = w.target.given(results)
		r, err := server.measure(ctx, w, p, progress)
		if err != nil {
			progress.printf("  failed: %v", err)
			failed = append(failed, fmt.Errorf("%s: %w", w.name, err))
		} else {
			results = append(results, r)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(results) > 0 {
		fmt.Fprint(out, table(results))
	}
	if len(results) > 0 && ctx.Err() == nil {
		failed = append(failed, writeJSON(f.out, results))
	}
	return errors.Join(failed...)
}

func startProfile(file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	profile, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(profile); err != nil {
		return nil, errors.Join(err, profile.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return profile.Close()
	}, nil
}

// log is where progress goes.
type log struct{ w io.Writer }

func (l log) printf(format string, args ...any) { fmt.Fprintf(l.w, format+"\n", args...) }
