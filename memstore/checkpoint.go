package memstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Define implements [eventstore.Checkpoints].
func (t *Target) Define(ctx context.Context, consumer eventstore.ConsumerID, definition eventstore.Definition) error {
	if err := errors.Join(consumer.Validate(), definition.Validate()); err != nil {
		return doing("define", consumer, err)
	}
	definition.Categories = slices.Clone(definition.Categories)
	return doing("define", consumer, t.change(ctx, nobody, func(now time.Time) error {
		if c := t.find(consumer); c != nil {
			definition.Partitions = c.Partitions
			c.Definition = definition
			return nil
		}
		t.add(consumer, definition, now)
		return nil
	}))
}

// add makes a new consumer. The caller holds mu.
func (t *Target) add(id eventstore.ConsumerID, definition eventstore.Definition, now time.Time) {
	live := t.find(eventstore.ConsumerID{Name: id.Name})
	t.consumers[id] = &consumer{
		DefinedConsumer: eventstore.DefinedConsumer{
			ConsumerID: id, Definition: definition, Live: live == nil, WasLive: live == nil, DefinedAt: now,
		},
		partitions: newPartitions(id, definition.Partitions, 0, 0, now),
		members:    make(map[string]time.Time),
		parked:     make(sequences),
	}
}

// Consumers implements [eventstore.Checkpoints].
func (t *Target) Consumers(ctx context.Context) ([]eventstore.DefinedConsumer, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list consumers: %w", err)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]eventstore.DefinedConsumer, 0, len(t.consumers))
	for _, c := range t.consumers {
		defined := c.DefinedConsumer
		defined.Categories = slices.Clone(c.Categories)
		all = append(all, defined)
	}
	slices.SortFunc(all, func(one, other eventstore.DefinedConsumer) int {
		return cmp.Or(cmp.Compare(one.Name, other.Name), cmp.Compare(one.Version, other.Version))
	})
	return all, nil
}

// Checkpoints implements [eventstore.Checkpoints].
func (t *Target) Checkpoints(ctx context.Context, consumer eventstore.ConsumerID) ([]eventstore.Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return nil, doing("read the checkpoints of", consumer, err)
	}
	return t.checkpoints(consumer), nil
}

func (t *Target) checkpoints(id eventstore.ConsumerID) []eventstore.Checkpoint {
	now := t.time()
	t.mu.RLock()
	defer t.mu.RUnlock()
	if c := t.find(id); c != nil {
		return c.checkpoints(now)
	}
	return nil
}

// Pause implements [eventstore.Checkpoints]. It waits for a move of the partition that is under way. It does nothing to
// a partition that is paused already.
func (t *Target) Pause(ctx context.Context, at eventstore.Checkpoint, reason string) error {
	concerned := func(moving *partition) bool { return moving == t.partition(at.Consumer, at.Partition) }
	err := t.change(ctx, concerned, func(now time.Time) error {
		p := t.partition(at.Consumer, at.Partition)
		switch {
		case p == nil:
			return fmt.Errorf("%w: there is no such partition", eventstore.ErrCheckpointMoved)
		case p.checkpoint.Position != at.Position || p.checkpoint.Epoch != at.Epoch:
			return fmt.Errorf("%w: it is at position %d in epoch %d",
				eventstore.ErrCheckpointMoved, p.checkpoint.Position, p.checkpoint.Epoch)
		case p.checkpoint.Paused:
			return nil
		}
		p.checkpoint.Paused = true
		p.checkpoint.Reason = reason
		p.renew(now)
		return nil
	})
	if err != nil {
		return fmt.Errorf("pause partition %d of consumer %q at position %d in epoch %d: %w",
			at.Partition, at.Consumer, at.Position, at.Epoch, err)
	}
	return nil
}

// Resume implements [eventstore.Checkpoints].
func (t *Target) Resume(ctx context.Context, consumer eventstore.ConsumerID) error {
	// Who is paused does not move.
	return doing("resume", consumer, t.change(ctx, nobody, func(now time.Time) error {
		c := t.find(consumer)
		if c == nil {
			return errUndefined
		}
		for _, p := range c.partitions {
			if p.checkpoint.Paused {
				p.checkpoint.Paused = false
				p.checkpoint.Reason = ""
				p.renew(now)
			}
		}
		return nil
	}))
}

// Forget implements [eventstore.Checkpoints]. With the consumer it removes the entries of the process manager of its
// name. It waits for a move of the consumer that is under way.
func (t *Target) Forget(ctx context.Context, consumer eventstore.ConsumerID) error {
	return doing("forget", consumer, t.reshape(ctx, consumer, func(now time.Time) error {
		c := t.find(consumer)
		switch {
		case c == nil:
			return nil
		case c.isRun(now):
			return eventstore.ErrOwned
		}
		delete(t.consumers, c.ConsumerID)
		delete(t.instances, c.Name)
		return nil
	}))
}
