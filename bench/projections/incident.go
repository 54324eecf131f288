package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// kind is how a process leaves its partitions.
type kind int

const (
	killed     kind = iota // with kill -9
	stopped                // for longer than its lease
	terminated             // cleanly
	kinds
)

func (k kind) String() string {
	return [...]string{"kill -9", "a stop", "a clean stop"}[k]
}

// How long a process is away, in leases.
const (
	// A stop may end when the takeover is just about to happen, and one in six lasts long.
	leastStop, mostStop, longStop = 1.0, 2.5, 6.0
	// mostAbsence is how long it takes at most until another process is started.
	mostAbsence = 1.5
)

// incident is what happens to a process.
type incident struct {
	kind  kind
	index int           // of the process
	away  time.Duration // how long it is stopped, or gone before another is started
}

// culprit makes incidents.
type culprit struct {
	flags

	fleet  *fleet
	main   *database
	rng    *rand.Rand
	report *report
	log    func(format string, args ...any)

	begun atomic.Int64 // incidents and whatever else makes takeovers slow
}

// run makes incidents until stop ends, and returns when all processes run again. One process at least is always left alone.
func (c *culprit) run(ctx, stop context.Context) error {
	var incidents sync.WaitGroup
	ended := make(chan result, c.processes)
	under := 0
	var errs []error
	take := func(r result) {
		under--
		c.fleet.away[r.index] = false
		errs = append(errs, r.err)
	}
	for errors.Join(errs...) == nil && pause(stop, times(c.lease, c.rng.Float64())) {
		next := c.next()
		under++
		incidents.Go(func() { ended <- result{next.index, c.commit(ctx, next)} })
		// Most incidents are over before the next one, so that the takeover can be timed, and some are not.
		for under > 0 && (under == c.processes-1 || c.rng.IntN(4) > 0) {
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
func (c *culprit) next() incident {
	index := c.rng.IntN(c.processes)
	for c.fleet.away[index] {
		index = (index + 1) % c.processes
	}
	c.fleet.away[index] = true
	next := incident{kind: kind(c.rng.IntN(int(kinds))), index: index}
	next.away = times(c.lease, mostAbsence*c.rng.Float64())
	if next.kind != stopped {
		return next
	}
	next.away = times(c.lease, leastStop+(mostStop-leastStop)*c.rng.Float64())
	if c.rng.IntN(6) == 0 {
		next.away = times(c.lease, longStop)
	}
	return next
}

// commit returns when the process, or its successor, runs again.
func (c *culprit) commit(ctx context.Context, i incident) error {
	victim := c.fleet.children[i.index]
	var owned []eventstore.Checkpoint
	err := insist(ctx, func() (err error) {
		owned, err = c.ownedBy(ctx, victim)
		return err
	})
	if err != nil {
		return err
	}
	watching, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t := &takeover{kind: i.kind, begun: time.Now(), number: c.begun.Add(1)}
	if err := c.send(victim, i.kind); err != nil {
		return err
	}
	var watched sync.WaitGroup
	watched.Go(func() { c.watch(watching, t, victim, owned) })
	defer watched.Wait()
	if i.kind == stopped {
		pause(ctx, i.away)
		cancel()
		return victim.signal(continueSignal)
	}
	return c.replace(ctx, i, victim)
}

func (c *culprit) send(victim *child, k kind) error {
	c.report.count(k)
	switch k {
	case killed:
		return victim.signal(os.Kill)
	case stopped:
		return victim.signal(stopSignal)
	default:
		return nil // replace does it
	}
}

// replace starts another process when the one has ended and a while has passed.
func (c *culprit) replace(ctx context.Context, i incident, victim *child) error {
	if i.kind == terminated {
		if err := victim.stop(ctx); err != nil {
			return err
		}
	}
	<-victim.exited
	if !pause(ctx, i.away) {
		return ctx.Err()
	}
	if err := c.fleet.restart(i.index); err != nil {
		return fmt.Errorf("start a child process: %w", err)
	}
	return nil
}

// ownedBy returns the partitions that a process owns.
func (c *culprit) ownedBy(ctx context.Context, process *child) (owned []eventstore.Checkpoint, err error) {
	checkpoints, err := c.main.target.Checkpoints(ctx, projectionID)
	for _, at := range checkpoints {
		if process.is(at.Owner) {
			owned = append(owned, at)
		}
	}
	return owned, err
}

func times(lease time.Duration, factor float64) time.Duration {
	return time.Duration(float64(lease) * factor)
}
