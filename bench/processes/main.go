// Processes runs one process manager in several processes under everything that can go wrong at once, and then checks that
// each command has taken effect exactly once, and each timer has fired exactly once: the processes are killed with kill -9,
// stopped for longer than their leases and continued, and terminated, their backends are terminated, the server is killed
// once, and the mail service that they use fails, hangs, and loses acknowledgements, while orders are placed, checked out,
// and failed by hand.
//
//	go run ./bench/processes -seconds 120 -processes 3 -partitions 4 -orders 1000 -seed 1
//
// It starts a Postgres of its own, from the server programs on this machine, or works on a database of its own of the
// server that -server names, which it does not kill. A checkout reserves the stock, sends a mail and confirms the order,
// which some orders refuse: then the reservation is undone. A timer sends a reminder, which the checkout of some orders
// cancels. Stock and orders are aggregates, the mail service is reached over HTTP and is in the main process. Mails of some
// orders fail until their instance is parked and somebody retries it.
//
// All chances come from the seed; the processes' pace does not, so two runs with a seed are alike and not the same. The last
// line of its output is "lost 0, doubled 0, reordered 0". When anything is wrong, the exit code is 1 and the first details
// go to standard error.
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
	if child.Main("processes", runChild) {
		return
	}
	program.Main("processes", run)
}

// flags are what the command line says.
type flags struct {
	trouble.Flags

	orders int

	careless bool // a mistake that only tests make: see assignment
}

func parseFlags(args []string, output io.Writer) (flags, error) {
	f := flags{Flags: trouble.Flags{Processes: 3, Partitions: 4, Lease: time.Second}}
	set := f.Define("processes", "manager", trial.Usage{
		Seconds: "how long there is trouble", DefaultSeconds: 120,
		Fsync: "whether the server waits for the disk", Server: "and drops it at the end; it is not killed",
	}, output)
	set.IntVar(&f.orders, "orders", 1000, "how many orders are placed and checked out while there is trouble")
	if err := f.Parse(set, args); err != nil {
		return flags{}, err
	}
	if f.orders < 1 {
		return flags{}, fmt.Errorf("-orders is %d, the least is 1", f.orders)
	}
	return f, nil
}

// run returns once everything that it started has ended and its directory is removed, whether it was interrupted or not.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	f, err := parseFlags(args, progress)
	if err != nil {
		return err
	}
	return carry(ctx, f, out, progress)
}

func carry(ctx context.Context, f flags, out, progress io.Writer) error {
	return trial.Carry(ctx, f.Seed, func() (trial.Trial, error) { return newTorture(ctx, f, progress) }, out)
}
