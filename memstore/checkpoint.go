package memstore

import (
	"context"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// Checkpoint implements [eventstore.Checkpoints].
func (t *Target) Checkpoint(ctx context.Context, consumer string) (eventstore.Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return eventstore.Checkpoint{}, fmt.Errorf("read the checkpoint of consumer %q: %w", consumer, err)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if c, known := t.consumers[consumer]; known {
		return c.checkpoint, nil
	}
	return eventstore.Checkpoint{Consumer: consumer}, nil
}

// Pause implements [eventstore.Checkpoints]. It waits for a move of the same consumer that is under way.
func (t *Target) Pause(ctx context.Context, consumer string, at eventstore.Position, reason string) error {
	if err := eventstore.ValidateConsumer(consumer); err != nil {
		return fmt.Errorf("pause consumer %q: %w", consumer, err)
	}
	c, err := t.enter(ctx, consumer)
	if err != nil {
		return fmt.Errorf("pause consumer %q: %w", consumer, err)
	}
	defer c.moving.leave()
	now := t.time()
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.checkpoint.Position != at {
		return fmt.Errorf("pause consumer %q at position %d: %w: it is at %d",
			consumer, at, eventstore.ErrCheckpointMoved, c.checkpoint.Position)
	}
	if c.checkpoint.Paused {
		return nil
	}
	c.checkpoint.Paused = true
	c.checkpoint.Reason = reason
	c.checkpoint.UpdatedAt = now
	return nil
}

// Resume implements [eventstore.Checkpoints].
func (t *Target) Resume(ctx context.Context, consumer string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("resume consumer %q: %w", consumer, err)
	}
	now := t.time()
	t.mu.Lock()
	defer t.mu.Unlock()
	c, known := t.consumers[consumer]
	if !known || !c.checkpoint.Paused {
		return nil
	}
	c.checkpoint.Paused = false
	c.checkpoint.Reason = ""
	c.checkpoint.UpdatedAt = now
	return nil
}
