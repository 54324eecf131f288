// Torture runs the Postgres store under everything that can go wrong at once, and then checks that nothing did: writers
// that append in every way there is, transactions that are held open and roll back, backends that are terminated,
// connections that are cut in the middle of a commit, a server that is killed with kill -9, a second process that is
// killed too, and subscribers that are slow or start again from their checkpoints.
//
//	go run ./bench/torture -seconds 60 -writers 32 -seed 1
//
// It starts a Postgres of its own, from the server programs on this machine, or works on a database of its own of the
// server that -server names, which it does not kill. What was acknowledged, what was refused and what each subscriber saw
// is compared with the table, read by plain SQL, and with ReadAll and ReadStream. All chances come from the seed; which
// goroutine goes first does not, so two runs with a seed are alike and not the same.
//
// The last line of its output is "missed 0, doubled 0, reordered 0, lost 0"; it goes on to say so when the server was not
// to be killed. When anything is wrong, the exit code is 1 and the first details go to standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/pasttense/pasttense/bench/internal/program"
)

func main() {
	if os.Getenv(childEnv) != "" {
		childMain()
		return
	}
	program.Main("torture", run)
}

// flags are what the command line says.
type flags struct {
	seconds   float64
	writers   int
	seed      uint64
	killEvery time.Duration
	fsync     bool
	serverURL string // empty: a server of our own
}

func parseFlags(args []string, usage io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("torture", flag.ContinueOnError)
	set.SetOutput(usage)
	set.Float64Var(&f.seconds, "seconds", 60, "how long the writers write")
	set.IntVar(&f.writers, "writers", 32, "how many goroutines write in the main process; the child process has a quarter")
	set.Uint64Var(&f.seed, "seed", 0, "the seed of all chances; 0 is a new one")
	set.DurationVar(&f.killEvery, "kill-every", 17*time.Second, "how long the server lives on average before it is killed")
	set.BoolVar(&f.fsync, "fsync", false, "whether the server waits for the disk, which kill -9 makes no difference to")
	set.StringVar(&f.serverURL, "server", "", "the `URL` of a server to use instead of one of its own, with room for 150 connections, "+
		"as a role that may create databases; it makes its database beside the one that is named, drops it at the end, and does "+
		"not kill the server, so that -kill-every and -fsync mean nothing")
	if err := set.Parse(args); err != nil {
		return flags{}, err
	}
	switch {
	case set.NArg() > 0:
		return flags{}, fmt.Errorf("unexpected argument %q", set.Arg(0))
	case f.seconds <= 0:
		return flags{}, fmt.Errorf("-seconds is %g, it must be positive", f.seconds)
	case f.writers < 1:
		return flags{}, fmt.Errorf("-writers is %d, the least is 1", f.writers)
	case f.killEvery <= 0:
		return flags{}, fmt.Errorf("-kill-every is %s, it must be positive", f.killEvery)
	}
	for f.seed == 0 {
		f.seed = rand.Uint64()
	}
	return f, nil
}

// run returns once everything that it started has ended and its directory is removed, whether it was interrupted or not.
func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	f, err := parseFlags(args, progress)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "seed %d\n", f.seed)
	t, err := newTorture(ctx, f, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.run(ctx); err != nil {
		return err
	}
	return t.tell(out)
}
