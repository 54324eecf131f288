package trouble

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/pasttense/pasttense/bench/internal/child"
	"github.com/pasttense/pasttense/bench/internal/wait"
)

// Kind is how a process leaves its work.
type Kind int

// The kinds of incidents.
const (
	Killed     Kind = iota // with kill -9
	Stopped                // for longer than its lease
	Terminated             // cleanly
	Kinds                  // how many there are
)

func (k Kind) String() string {
	return [...]string{"kill -9", "a stop", "a clean stop"}[k]
}

// How long a process is away, in leases.
const (
	// A stop may end when the takeover is just about to happen, and one in six lasts long.
	leastStop, mostStop, longStop = 1.0, 2.5, 6.0
	// mostAbsence is how long it takes at most until another process is started.
	mostAbsence = 1.5
)

// Incidents happen to the processes of a fleet, of which one at least is always left alone.
type Incidents struct {
	Fleet *Fleet
	Lease time.Duration // of what a process has, which another may take over
	Rand  *rand.Rand

	// Prepare is called before an incident. It returns what is called when the process has just left, and runs while it is
	// away: until it returns, or its context ends because a process that was stopped goes on, or after [wait.Patience]. It
	// may be called concurrently.
	Prepare func(ctx context.Context, kind Kind, victim *child.Process) (watch func(ctx context.Context), err error)
}

// incident is what happens to a process.
type incident struct {
	kind  Kind
	index int           // of the process
	away  time.Duration // how long it is stopped, or gone before another is started
}

// Run makes incidents until stop ends, and returns when all processes run again.
func (in *Incidents) Run(ctx, stop context.Context) error {
	var incidents sync.WaitGroup
	ended := make(chan result, len(in.Fleet.Processes))
	under := 0
	var errs []error
	take := func(r result) {
		under--
		in.Fleet.away[r.index] = false
		errs = append(errs, r.err)
	}
	for errors.Join(errs...) == nil && wait.For(stop, times(in.Lease, in.Rand.Float64())) {
		next := in.next()
		under++
		incidents.Go(func() { ended <- result{next.index, in.commit(ctx, next)} })
		// Most incidents are over before the next one, so that the takeover can be timed, and some are not.
		for under > 0 && (under == len(in.Fleet.Processes)-1 || in.Rand.IntN(4) > 0) {
			take(<-ended)
		}
	}
	for under > 0 {
		take(<-ended)
	}
	incidents.Wait()
	return errors.Join(errs...)
}

type result struct {
	index int
	err   error
}

// next draws an incident of a process that there is none of.
func (in *Incidents) next() incident {
	index := in.Rand.IntN(len(in.Fleet.Processes))
	for in.Fleet.away[index] {
		index = (index + 1) % len(in.Fleet.Processes)
	}
	in.Fleet.away[index] = true
	next := incident{kind: Kind(in.Rand.IntN(int(Kinds))), index: index}
	next.away = times(in.Lease, mostAbsence*in.Rand.Float64())
	if next.kind != Stopped {
		return next
	}
	next.away = times(in.Lease, leastStop+(mostStop-leastStop)*in.Rand.Float64())
	if in.Rand.IntN(6) == 0 {
		next.away = times(in.Lease, longStop)
	}
	return next
}

// commit returns when the process, or its successor, runs again.
func (in *Incidents) commit(ctx context.Context, i incident) error {
	victim := in.Fleet.Processes[i.index]
	watch, err := in.Prepare(ctx, i.kind, victim)
	if err != nil {
		return err
	}
	watching, cancel := context.WithTimeout(ctx, wait.Patience)
	defer cancel()
	if err := begin(i.kind, victim); err != nil {
		return err
	}
	var watched sync.WaitGroup
	watched.Go(func() { watch(watching) })
	defer watched.Wait()
	if i.kind == Stopped {
		wait.For(ctx, i.away)
		cancel()
		return victim.Signal(child.Continue)
	}
	return in.replace(ctx, i, victim)
}

func begin(kind Kind, victim *child.Process) error {
	switch kind {
	case Killed:
		return victim.Signal(os.Kill)
	case Stopped:
		return victim.Signal(child.Stop)
	default:
		return nil // replace does it
	}
}

// replace starts another process when the one has ended and a while has passed.
func (in *Incidents) replace(ctx context.Context, i incident, victim *child.Process) error {
	if i.kind == Terminated {
		if err := victim.Terminate(ctx); err != nil {
			return err
		}
	}
	<-victim.Ended()
	if !wait.For(ctx, i.away) {
		return ctx.Err()
	}
	return in.Fleet.restart(i.index)
}

func times(lease time.Duration, factor float64) time.Duration {
	return time.Duration(float64(lease) * factor)
}
