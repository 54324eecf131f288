// Projections runs one projection in several processes under everything that can go wrong at once, and then checks that each
// event was applied exactly once: the processes are killed with kill -9, stopped for longer than their lease and continued,
// and terminated, their backends are terminated, the number of partitions changes, and events that cannot be applied are
// parked and retried, while events are appended.
//
//	go run ./bench/projections -seconds 180 -processes 3 -partitions 8 -seed 1
//
// It starts a Postgres of its own, from the server programs on this machine, or works on a database of its own of the
// server that -server names. The read model counts the events of each stream, and logs each event that is applied, by which
// process and when, so that one that is applied twice is a row too many and no error. A trigger logs who owned each
// partition and when, both under the lock of the checkpoint. So it is certain whether a process that was stopped has applied
// anything after its successor took over. All chances come from the seed; the processes' pace does not, so two runs with a
// seed are alike and not the same.
//
// The last line of its output is "missed 0, doubled 0, reordered 0". When anything is wrong, the exit code is 1 and the
// first details go to standard error.
package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pasttense/pasttense/bench/internal/child"
	"github.com/pasttense/pasttense/bench/internal/program"
	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/trouble"
)

func main() {
	if child.Main("projections", runChild) {
		return
	}
	program.Main("projections", run)
}

// flags are what the command line says.
type flags struct {
	trouble.Flags

	events int
}

func parseFlags(args []string, output io.Writer) (flags, error) {
	f := flags{Flags: trouble.Flags{Processes: 3, Partitions: 8, Lease: 2 * time.Second}}
	set := f.Define("projections", "projection", trial.Usage{
		Seconds: "how long there is trouble", DefaultSeconds: 180,
		Fsync: "whether the server waits for the disk", Server: "and drops it at the end",
	}, output)
	set.IntVar(&f.events, "events", 200_000, "how many events there are: half before the processes start, half along with them")
	if err := f.Parse(set, args); err != nil {
		return flags{}, err
	}
	if f.events < 1 {
		return flags{}, fmt.Errorf("-events is %d, the least is 1", f.events)
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
