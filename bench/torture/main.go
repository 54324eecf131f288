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
	"fmt"
	"io"
	"time"

	"github.com/pasttense/pasttense/bench/internal/child"
	"github.com/pasttense/pasttense/bench/internal/program"
	"github.com/pasttense/pasttense/bench/internal/trial"
)

func main() {
	if child.Main("torture", runChild) {
		return
	}
	program.Main("torture", run)
}

// flags are what the command line says.
type flags struct {
	trial.Flags

	writers   int
	killEvery time.Duration
}

func parseFlags(args []string, output io.Writer) (flags, error) {
	var f flags
	set := f.Define("torture", trial.Usage{
		Seconds: "how long the writers write", DefaultSeconds: 60,
		Fsync:  "whether the server waits for the disk, which kill -9 makes no difference to",
		Server: "drops it at the end, and does not kill the server, so that -kill-every and -fsync mean nothing",
	}, output)
	set.IntVar(&f.writers, "writers", 32, "how many goroutines write in the main process; the child process has a quarter")
	set.DurationVar(&f.killEvery, "kill-every", 17*time.Second, "how long the server lives on average before it is killed")
	if err := f.Parse(set, args); err != nil {
		return flags{}, err
	}
	switch {
	case f.writers < 1:
		return flags{}, fmt.Errorf("-writers is %d, the least is 1", f.writers)
	case f.killEvery <= 0:
		return flags{}, fmt.Errorf("-kill-every is %s, it must be positive", f.killEvery)
	}
	return f, nil
}

// run returns once everything that it started has ended and its directory is removed, whether it was interrupted or not.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	f, err := parseFlags(args, progress)
	if err != nil {
		return err
	}
	return trial.Carry(ctx, f.Seed, func() (trial.Trial, error) { return newTorture(ctx, f, progress) }, out)
}
