// Package trial is what the torture programs of this module have in common: their flags, their server, their log and the
// order of their steps.
package trial

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

// Flags are those that each of the programs has.
type Flags struct {
	Seconds   float64
	Seed      uint64
	Fsync     bool
	ServerURL string // empty: a server of our own
}

// Usage is what the programs say differently of these flags.
type Usage struct {
	Seconds        string
	DefaultSeconds float64
	Fsync, Server  string
}

// Define returns a set of flags with these in it, to which the program adds its own.
func (f *Flags) Define(program string, usage Usage, output io.Writer) *flag.FlagSet {
	set := flag.NewFlagSet(program, flag.ContinueOnError)
	set.SetOutput(output)
	set.Float64Var(&f.Seconds, "seconds", usage.DefaultSeconds, usage.Seconds)
	set.Uint64Var(&f.Seed, "seed", 0, "the seed of all chances; 0 is a new one")
	set.BoolVar(&f.Fsync, "fsync", false, usage.Fsync)
	set.StringVar(&f.ServerURL, "server", "", "the `URL` of a server to use instead of one of its own, with room for 150 "+
		"connections, as a role that may create databases; it makes its database beside the one that is named, "+usage.Server)
	return set
}

// Parse parses the command line, and draws a seed when none is given.
func (f *Flags) Parse(set *flag.FlagSet, args []string) error {
	if err := set.Parse(args); err != nil {
		return err
	}
	switch {
	case set.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", set.Arg(0))
	case f.Seconds <= 0:
		return fmt.Errorf("-seconds is %g, it must be positive", f.Seconds)
	}
	for f.Seed == 0 {
		f.Seed = rand.Uint64()
	}
	return nil
}

// Duration returns how long there is trouble.
func (f *Flags) Duration() time.Duration { return time.Duration(f.Seconds * float64(time.Second)) }

// OpenServer starts a server, or uses the one that is given. The caller closes it.
func (f *Flags) OpenServer(ctx context.Context) (*throwaway.Server, error) {
	settings := pgserver.Disposable()
	if f.Fsync {
		settings = pgserver.Settings{}
	}
	settings["shared_buffers"], settings["max_wal_size"] = "256MB", "2GB"
	return throwaway.Open(ctx, f.ServerURL, settings)
}
