package trouble

import (
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/pasttense/pasttense/bench/internal/trial"
)

// Flags are those of a program that torments a fleet of processes.
type Flags struct {
	trial.Flags

	Processes  int
	Partitions int
	Lease      time.Duration
	Verbose    bool
}

const (
	// mostPartitions keeps the processes' connections within what the server has.
	mostPartitions = 64
	// leastLease is what a loaded machine can keep.
	leastLease = 200 * time.Millisecond
)

// Define returns a set of flags with these in it, to which the program adds its own. What they are is the default; runs is
// what the processes run.
func (f *Flags) Define(program, runs string, usage trial.Usage, output io.Writer) *flag.FlagSet {
	set := f.Flags.Define(program, usage, output)
	set.IntVar(&f.Processes, "processes", f.Processes,
		"how many processes run the "+runs+"; one at least is always left alone")
	set.IntVar(&f.Partitions, "partitions", f.Partitions, "how many partitions the "+runs+" begins with")
	set.DurationVar(&f.Lease, "lease", f.Lease,
		"how long a process may be silent before others take over its partitions, and what it has in hand")
	set.BoolVar(&f.Verbose, "verbose", false, "whether the processes log to standard error")
	return set
}

// Parse parses the command line.
func (f *Flags) Parse(set *flag.FlagSet, args []string) error {
	if err := f.Flags.Parse(set, args); err != nil {
		return err
	}
	switch {
	case f.Processes < 2:
		return fmt.Errorf("-processes is %d, the least is 2", f.Processes)
	case f.Partitions < 1 || f.Partitions > mostPartitions:
		return fmt.Errorf("-partitions is %d, it is from 1 to %d", f.Partitions, mostPartitions)
	case f.Lease < leastLease:
		return fmt.Errorf("-lease is %s, the least is %s", f.Lease, leastLease)
	}
	return nil
}
