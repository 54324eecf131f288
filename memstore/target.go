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
	// Now is the clock of checkpoints and tasks; the default is [time.Now]. It is called from several goroutines.
	Now func() time.Time
}

// Target keeps checkpoints, read models and the tasks of process managers in memory. It implements
// [eventstore.Target] and [eventstore.Agenda]; its read models are in tables, made by [NewTable]. It is made by
// [NewTarget].
//
// All methods are safe for concurrent use. One Advance runs at a time, others wait for their turn: so a handler may
// read a row and write what follows from it. Nobody else waits for a handler, neither readers of tables and checkpoints
// nor the Plan and Pause of other consumers.
type Target struct {
	now func() time.Time
	// turn is held by the Advance that runs.
	turn gate

	// mu guards all that was committed: the fields below, and the rows of the tables. It is never held while a handler
	// runs.
	mu        sync.RWMutex
	consumers map[string]*consumer
	agenda    agenda
}

var (
	_ eventstore.Target[*Tx] = (*Target)(nil)
	_ eventstore.Agenda      = (*Target)(nil)
)

// consumer is what the target knows of a consumer.
type consumer struct {
	// moving is held by who may move the checkpoint or pause the consumer, like the lock of a row. It is taken after
	// Target.turn.
	moving gate
	// checkpoint is guarded by Target.mu.
	checkpoint eventstore.Checkpoint
}

// NewTarget returns an empty target. Nil options are the defaults.
func NewTarget(opts *TargetOptions) *Target {
	t := &Target{
		now:       time.Now,
		turn:      newGate(),
		consumers: make(map[string]*consumer),
		agenda:    make(agenda),
	}
	if opts != nil && opts.Now != nil {
		t.now = opts.Now
	}
	return t
}

// Advance implements [eventstore.Target]. A panic of work goes on to the caller, after what work has done is dropped.
// When ctx ends while work runs, nothing has happened even if work returns nil.
//
// Work must not call Advance, nor Plan or Pause for the same consumer: it would wait for itself until the context ends.
func (t *Target) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx *Tx) error,
) error {
	if err := t.turn.enter(ctx); err != nil {
		return moveError(move, err)
	}
	defer t.turn.leave()
	return t.move(ctx, move, func(moving *consumer) error {
		tx, err := t.stage(ctx, work)
		if err != nil {
			return err
		}
		now := t.time()
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, staged := range tx.staged {
			staged.apply()
		}
		moving.moveTo(move.To, now)
		return nil
	})
}

// stage runs work in a transaction, which is ended then but not applied.
func (t *Target) stage(ctx context.Context, work func(ctx context.Context, tx *Tx) error) (*Tx, error) {
	tx := &Tx{target: t, staged: make(map[any]changes)}
	defer tx.end()
	if err := work(ctx, tx); err != nil {
		return nil, err
	}
	return tx, ctx.Err()
}

// move calls do, which makes the move, if the consumer is where the move begins. Until do returns nobody else moves or
// pauses the consumer.
func (t *Target) move(ctx context.Context, move eventstore.Move, do func(moving *consumer) error) error {
	if err := move.Validate(); err != nil {
		return moveError(move, err)
	}
	moving, err := t.enter(ctx, move.Consumer)
	if err != nil {
		return moveError(move, err)
	}
	defer moving.moving.leave()
	if err := t.allows(moving, move.From); err != nil {
		return moveError(move, err)
	}
	if err := do(moving); err != nil {
		return moveError(move, err)
	}
	return nil
}

func moveError(move eventstore.Move, err error) error {
	return fmt.Errorf("move the checkpoint of consumer %q from %d to %d: %w", move.Consumer, move.From, move.To, err)
}

// enter waits until nobody else moves or pauses the consumer.
func (t *Target) enter(ctx context.Context, name string) (*consumer, error) {
	c := t.consumer(name)
	return c, c.moving.enter(ctx)
}

func (t *Target) consumer(name string) *consumer {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, known := t.consumers[name]
	if !known {
		c = &consumer{moving: newGate(), checkpoint: eventstore.Checkpoint{Consumer: name}}
		t.consumers[name] = c
	}
	return c
}

// allows returns an error when the consumer is paused or not at the position.
func (t *Target) allows(c *consumer, from eventstore.Position) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch {
	case c.checkpoint.Paused:
		return fmt.Errorf("%w: %s", eventstore.ErrPaused, c.checkpoint.Reason)
	case c.checkpoint.Position != from:
		return fmt.Errorf("%w: it is at %d", eventstore.ErrCheckpointMoved, c.checkpoint.Position)
	}
	return nil
}

// moveTo is called with Target.mu held.
func (c *consumer) moveTo(to eventstore.Position, now time.Time) {
	c.checkpoint.Position = to
	c.checkpoint.UpdatedAt = now
}

// time returns the time as eventstore tells it: UTC, to the microsecond.
func (t *Target) time() time.Time { return t.now().UTC().Truncate(time.Microsecond) }
