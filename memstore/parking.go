package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// sequences are what a consumer has parked.
type sequences map[eventstore.StreamID]eventstore.Parked

// Parked implements [eventstore.Parking].
func (t *Target) Parked(
	ctx context.Context, consumer eventstore.ConsumerID, query eventstore.ParkedQuery,
) ([]eventstore.Parked, error) {
	if err := cmp.Or(ctx.Err(), query.Validate()); err != nil {
		return nil, doing("list what is parked by", consumer, err)
	}
	parked := t.selectParked(consumer, query)
	slices.SortFunc(parked, func(one, other eventstore.Parked) int {
		if query.LatestFirst {
			return cmp.Or(other.ParkedAt.Compare(one.ParkedAt), cmp.Compare(other.Position, one.Position))
		}
		return cmp.Compare(one.Position, other.Position)
	})
	if query.Limit > 0 && query.Limit < len(parked) {
		parked = slices.Clone(parked[:query.Limit]) // lets go of the rest
	}
	if query.WithoutReason {
		for i := range parked {
			parked[i].Reason = ""
		}
	}
	return parked, nil
}

// selectParked returns those that a query wants, in no order, without its limit.
func (t *Target) selectParked(id eventstore.ConsumerID, query eventstore.ParkedQuery) (parked []eventstore.Parked) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	c := t.find(id)
	if c == nil {
		return nil
	}
	add := func(sequence eventstore.Parked) {
		if sequence.Position > query.After && (sequence.Retry || !query.Retry) {
			parked = append(parked, sequence)
		}
	}
	if len(query.Streams) == 0 {
		for _, sequence := range c.parked {
			add(sequence)
		}
		return parked
	}
	for stream := range setOf(query.Streams) {
		if sequence, found := c.parked[stream]; found {
			add(sequence)
		}
	}
	return parked
}

func setOf(streams []eventstore.StreamID) map[eventstore.StreamID]struct{} {
	set := make(map[eventstore.StreamID]struct{}, len(streams))
	for _, stream := range streams {
		set[stream] = struct{}{}
	}
	return set
}

// Retry implements [eventstore.Parking]. It waits for a move of the stream's partition that is under way.
func (t *Target) Retry(ctx context.Context, consumer eventstore.ConsumerID, stream eventstore.StreamID) error {
	err := t.changeParked(ctx, consumer, stream, func(parked sequences) {
		sequence := parked[stream]
		sequence.Retry = true
		parked[stream] = sequence
	})
	if err != nil {
		return fmt.Errorf("retry stream %q of consumer %q: %w", stream, consumer, err)
	}
	return nil
}

// Discard implements [eventstore.Parking]. It waits for a move of the stream's partition that is under way.
func (t *Target) Discard(ctx context.Context, consumer eventstore.ConsumerID, stream eventstore.StreamID) error {
	err := t.changeParked(ctx, consumer, stream, func(parked sequences) { delete(parked, stream) })
	if err != nil {
		return fmt.Errorf("discard stream %q of consumer %q: %w", stream, consumer, err)
	}
	return nil
}

// changeParked calls do with mu held if the stream is parked, and begins a new epoch of its partition.
func (t *Target) changeParked(
	ctx context.Context, id eventstore.ConsumerID, stream eventstore.StreamID, do func(parked sequences),
) error {
	concerned := func(moving *partition) bool {
		c := t.find(id)
		return c != nil && c.partitionOf(stream) == moving
	}
	return t.change(ctx, concerned, func(now time.Time) error {
		c := t.find(id)
		if c == nil {
			return errUndefined
		}
		if _, found := c.parked[stream]; !found {
			return eventstore.ErrNotParked
		}
		do(c.parked)
		c.partitionOf(stream).renew(now)
		return nil
	})
}

// Skipped implements [eventstore.Parking].
func (t *Target) Skipped(
	ctx context.Context, consumer eventstore.ConsumerID, limit int,
) ([]eventstore.Skipped, error) {
	if err := ctx.Err(); err != nil {
		return nil, doing("list what was skipped by", consumer, err)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	c := t.find(consumer)
	if c == nil {
		return nil, nil
	}
	last := slices.Clone(c.skipped[max(0, len(c.skipped)-max(limit, 0)):])
	slices.Reverse(last)
	return last, nil
}

// park sets a sequence aside, or keeps it set aside as it is now.
func (c *consumer) park(sequence eventstore.Parked, now time.Time) {
	sequence.ParkedAt = now
	if before, found := c.parked[sequence.Stream]; found {
		sequence.ParkedAt = before.ParkedAt
	}
	c.parked[sequence.Stream] = sequence
}
