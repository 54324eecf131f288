package memstore

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Coordinate implements [eventstore.Leases]. One Coordinate of a target runs at a time, others wait for their turn. A
// partition that is being moved keeps its owner. What change does is dropped when ctx ends, or the consumer is forgotten,
// while it runs.
//
// Change must not call Coordinate, Repartition or Forget: it would wait for itself until the context ends.
func (t *Target) Coordinate(
	ctx context.Context, consumer eventstore.ConsumerID, change func(roster *eventstore.Roster),
) error {
	if err := t.rosters.enter(ctx); err != nil {
		return doing("coordinate", consumer, err)
	}
	defer t.rosters.leave()
	roster, found := t.roster(consumer)
	if !found {
		return doing("coordinate", consumer, errUndefined)
	}
	change(&roster)
	return doing("coordinate", consumer, t.change(ctx, nobody, func(now time.Time) error {
		c := t.find(consumer)
		if c == nil {
			return errUndefined
		}
		c.members = maps.Clone(roster.Members)
		t.give(c, roster.Partitions, now)
		return nil
	}))
}

// roster returns a roster that the caller may change, if there is such a consumer.
func (t *Target) roster(id eventstore.ConsumerID) (roster eventstore.Roster, found bool) {
	roster = eventstore.Roster{Now: t.time(), Members: make(map[string]time.Time)}
	t.mu.RLock()
	defer t.mu.RUnlock()
	c := t.find(id)
	if c == nil {
		return roster, false
	}
	maps.Copy(roster.Members, c.members)
	roster.Partitions = c.given(roster.Now)
	return roster, true
}

// give makes partitions those of the owners that a roster has for them. The caller holds mu.
func (t *Target) give(c *consumer, roster []eventstore.Checkpoint, now time.Time) {
	for _, given := range roster {
		p := t.partition(c.ConsumerID, given.Partition)
		if p == nil || p == t.moving || p.checkpoint.Owner == given.Owner {
			continue
		}
		p.checkpoint.Owner = given.Owner
		p.renew(now)
	}
}

// reshape does what change does for all partitions of a consumer, while nobody changes its roster.
func (t *Target) reshape(ctx context.Context, id eventstore.ConsumerID, do func(now time.Time) error) error {
	if err := t.rosters.enter(ctx); err != nil {
		return err
	}
	defer t.rosters.leave()
	return t.change(ctx, t.of(id), do)
}

// Halt implements [eventstore.Leases]. It waits for a move of the consumers that is under way, and passes over consumers
// that are not defined.
func (t *Target) Halt(
	ctx context.Context, limit time.Duration, consumers ...eventstore.ConsumerID,
) (eventstore.Position, error) {
	var furthest eventstore.Position
	err := t.change(ctx, t.of(consumers...), func(now time.Time) error {
		partitions := t.partitionsOf(consumers)
		for _, p := range partitions {
			furthest = max(furthest, p.checkpoint.Position)
		}
		stop(partitions, furthest, now, limit)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("halt consumers %q: %w", consumers, err)
	}
	return furthest, nil
}

// Proceed implements [eventstore.Leases]. It waits for a move of the consumers that is under way.
func (t *Target) Proceed(ctx context.Context, consumers ...eventstore.ConsumerID) error {
	err := t.change(ctx, t.of(consumers...), func(now time.Time) error {
		stop(t.partitionsOf(consumers), 0, now, 0)
		return nil
	})
	if err != nil {
		return fmt.Errorf("let consumers %q proceed: %w", consumers, err)
	}
	return nil
}

// partitionsOf returns the partitions of consumers. The caller holds mu.
func (t *Target) partitionsOf(ids []eventstore.ConsumerID) []*partition {
	var all []*partition
	for _, id := range ids {
		if c := t.find(id); c != nil {
			all = append(all, c.partitions...)
		}
	}
	return all
}

func stop(partitions []*partition, at eventstore.Position, now time.Time, limit time.Duration) {
	for _, p := range partitions {
		p.checkpoint.StopAt = at
		p.stopUntil = now.Add(limit)
		p.renew(now)
	}
}

// Repartition implements [eventstore.Leases]. It waits for a move of the consumer that is under way.
func (t *Target) Repartition(ctx context.Context, consumer eventstore.ConsumerID, partitions int) error {
	if err := eventstore.ValidatePartitions(partitions); err != nil {
		return doing("repartition", consumer, err)
	}
	return doing("repartition", consumer, t.reshape(ctx, consumer, func(now time.Time) error {
		c := t.find(consumer)
		if c == nil {
			return errUndefined
		}
		at, epoch, err := c.meetingPoint()
		if err != nil {
			return err
		}
		handled := c.handled()
		c.partitions = newPartitions(c.ConsumerID, partitions, at, epoch+1, now)
		c.partitions[0].checkpoint.Handled = handled
		c.Partitions = partitions
		return nil
	}))
}

// handled returns how many events all partitions have handled.
func (c *consumer) handled() (events int64) {
	for _, p := range c.partitions {
		events += p.checkpoint.Handled
	}
	return events
}

// meetingPoint returns the position that all partitions are at, and the last of their epochs.
func (c *consumer) meetingPoint() (eventstore.Position, int64, error) {
	at := c.partitions[0].checkpoint.Position
	epoch := int64(0)
	for i, p := range c.partitions {
		switch {
		case p.checkpoint.Paused:
			return 0, 0, fmt.Errorf("%w: partition %d: %s", eventstore.ErrPaused, i, p.checkpoint.Reason)
		case p.checkpoint.Position != at:
			return 0, 0, fmt.Errorf("%w: partition 0 is at position %d, partition %d at %d",
				eventstore.ErrCheckpointMoved, at, i, p.checkpoint.Position)
		}
		epoch = max(epoch, p.checkpoint.Epoch)
	}
	return at, epoch, nil
}
