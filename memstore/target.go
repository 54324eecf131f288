package memstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// TargetOptions changes what [NewTarget] makes. The zero value of a field is its default.
type TargetOptions struct {
	// Now is the clock of checkpoints, leases and agendas; the default is [time.Now]. It is called from several
	// goroutines.
	Now func() time.Time
}

// Target keeps checkpoints, leases, read models, and the agendas of process managers in memory. It implements
// [eventstore.Target] and [eventstore.Agenda]; its read models are in tables, made by [NewTable]. It is made by
// [NewTarget].
//
// All methods are safe for concurrent use. The work of one Advance runs at a time, others wait for their turn: so a
// handler may read a row and write what follows from it. Nobody else waits for a handler but who changes the checkpoint
// that it moves, by Pause, Halt and the like: neither readers of tables and checkpoints, nor who changes others, nor
// Coordinate.
type Target struct {
	now func() time.Time
	// turn is held by the Advance whose work runs, and by who waits until it does not. It is taken after rosters.
	turn gate
	// rosters is held by who changes which partitions there are and who owns them.
	rosters gate

	// mu guards all that was committed: the fields below, and the rows of the tables. It is never held while a function
	// of the caller's runs.
	mu        sync.RWMutex
	consumers map[eventstore.ConsumerID]*consumer
	instances instances
	// moving is the partition whose move has begun: until work has ended nobody else changes its checkpoint.
	moving *partition
	// changed is closed when anything of a consumer has changed. It is nil while nobody waits for that.
	changed chan struct{}
}

var (
	_ eventstore.Target[*Tx] = (*Target)(nil)
	_ eventstore.Agenda      = (*Target)(nil)
)

// NewTarget returns an empty target. Nil options are the defaults.
func NewTarget(opts *TargetOptions) *Target {
	t := &Target{
		now:       time.Now,
		turn:      newGate(),
		rosters:   newGate(),
		consumers: make(map[eventstore.ConsumerID]*consumer),
		instances: make(instances),
	}
	if opts != nil && opts.Now != nil {
		t.now = opts.Now
	}
	return t
}

// change calls do with mu held, once nobody moves a partition that concerned names, and wakes who waits for changes.
// Concerned is called with mu held too.
func (t *Target) change(
	ctx context.Context, concerned func(moving *partition) bool, do func(now time.Time) error,
) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if free, err := t.changeUnless(concerned, do); free {
		return err
	}
	// While this has the turn nobody's work runs. Those who wait for it get it in the order in which they came.
	if err := t.turn.enter(ctx); err != nil {
		return err
	}
	defer t.turn.leave()
	_, err := t.changeUnless(concerned, do)
	return err
}

// changeUnless does what change does, and reports false instead when a partition concerned is being moved.
func (t *Target) changeUnless(
	concerned func(moving *partition) bool, do func(now time.Time) error,
) (bool, error) {
	now := t.time()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.moving != nil && concerned(t.moving) {
		return false, nil
	}
	err := do(now)
	if err == nil {
		t.wake()
	}
	return true, err
}

// nobody is concerned by a change that the one who moves a partition need not know of.
func nobody(*partition) bool { return false }

// wake lets go whoever waits for a change. The caller holds mu.
func (t *Target) wake() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// changes returns what is closed at the next change.
func (t *Target) changes() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed
}

// time returns the time as eventstore tells it: UTC, to the microsecond.
func (t *Target) time() time.Time { return t.now().UTC().Truncate(time.Microsecond) }

// errUndefined is for what cannot be done with a consumer that is not there.
var errUndefined = fmt.Errorf("%w: it is not defined", eventstore.ErrInvalid)

// doing adds to an error what was attempted on which consumer.
func doing(what string, consumer eventstore.ConsumerID, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s consumer %q: %w", what, consumer, err)
}
