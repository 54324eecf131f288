package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Advance implements [eventstore.Target]. Nil work is none. A panic of work goes on to the caller, after what work has
// done is dropped. When ctx ends while work runs, nothing has happened even if work returns nil. It does not end work
// that stands still: the IdleTimeout of a move has no effect.
//
// Work must not call Advance, nor change the checkpoint that is moved: it would wait for itself until the context ends.
func (t *Target) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx *Tx) error,
) error {
	var err error
	if work == nil {
		err = t.step(ctx, move, func(time.Time) {})
	} else {
		err = t.advance(ctx, move, work)
	}
	return moveError(move, err)
}

func moveError(move eventstore.Move, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("move partition %d of consumer %q from position %d to %d: %w",
		move.Partition, move.Consumer, move.From, move.To, err)
}

// step makes a move for which nobody's work is run. What also is to happen then is called with mu held.
func (t *Target) step(ctx context.Context, move eventstore.Move, also func(now time.Time)) error {
	if err := move.Validate(); err != nil {
		return err
	}
	concerned := func(moving *partition) bool { return moving == t.partition(move.Consumer, move.Partition) }
	return t.change(ctx, concerned, func(now time.Time) error {
		p, err := t.expect(move)
		if err != nil {
			return err
		}
		t.carryOut(move, p, now)
		also(now)
		return nil
	})
}

func (t *Target) advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx *Tx) error,
) error {
	if err := move.Validate(); err != nil {
		return err
	}
	if err := t.turn.enter(ctx); err != nil {
		return err
	}
	defer t.turn.leave()
	moving, err := t.begin(move)
	if err != nil {
		return err
	}
	defer t.end()
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
	t.carryOut(move, moving, now)
	t.wake()
	return nil
}

// begin keeps others from changing the checkpoint until end, if it is where the move begins.
func (t *Target) begin(move eventstore.Move) (*partition, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.expect(move)
	if err != nil {
		return nil, err
	}
	t.moving = p
	return p, nil
}

func (t *Target) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.moving = nil
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

// expect returns the partition of a move, or why the move cannot begin. The caller holds mu.
func (t *Target) expect(move eventstore.Move) (*partition, error) {
	p := t.partition(move.Consumer, move.Partition)
	if p == nil {
		return nil, fmt.Errorf("%w: there is no such partition", eventstore.ErrCheckpointMoved)
	}
	switch at := p.checkpoint; {
	case at.Paused:
		return nil, fmt.Errorf("%w: %s", eventstore.ErrPaused, at.Reason)
	case at.Position != move.From:
		return nil, fmt.Errorf("%w: it is at %d", eventstore.ErrCheckpointMoved, at.Position)
	case at.Epoch != move.Epoch:
		return nil, fmt.Errorf("%w: it is in epoch %d, not %d", eventstore.ErrCheckpointMoved, at.Epoch, move.Epoch)
	}
	return p, nil
}

// carryOut makes a move of a partition. The caller holds mu.
func (t *Target) carryOut(move eventstore.Move, p *partition, now time.Time) {
	c := t.consumers[move.Consumer]
	p.checkpoint.Position = move.To
	p.checkpoint.Handled += int64(move.Events)
	p.checkpoint.UpdatedAt = now
	if len(move.Park)+len(move.Unpark) > 0 {
		p.renew(now)
	}
	for _, stream := range move.Unpark {
		delete(c.parked, stream)
	}
	for _, sequence := range move.Park {
		c.park(sequence, now)
	}
	for _, skipped := range move.Skip {
		skipped.SkippedAt = now
		c.skipped = append(c.skipped, skipped)
	}
}
