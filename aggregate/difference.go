package aggregate

import (
	"context"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// Difference is what has happened to an aggregate between two points.
type Difference[S, E any] struct {
	// From and To are the aggregate at the two points. They share no memory.
	From, To Result[S]
	// Events are those after From, up to and including the last one of To.
	Events []eventstore.Envelope[E]
	// Changes are the parts of the state that differ, in the order in which the state has them.
	Changes []Change
}

// Difference returns what has happened to an aggregate between two points: the events, and what they changed. It is for
// people who ask. Errors are those of [Repository.LoadAt], and [eventstore.ErrInvalid] when from is after to.
func (r *Repository[S, E]) Difference(ctx context.Context, key string, from, to Point) (Difference[S, E], error) {
	var d Difference[S, E]
	var err error
	if d.From, err = r.LoadAt(ctx, key, from); err != nil {
		return Difference[S, E]{}, err
	}
	if d.To, err = r.LoadAt(ctx, key, to); err != nil {
		return Difference[S, E]{}, err
	}
	stream := r.id(key)
	if d.From.Version > d.To.Version {
		return Difference[S, E]{}, fmt.Errorf("difference in stream %q: %w: from is at version %d, to is at version %d before it",
			stream, eventstore.ErrInvalid, d.From.Version, d.To.Version)
	}
	if d.Events, err = r.between(ctx, stream, d.From.Version, d.To.Version); err != nil {
		return Difference[S, E]{}, fmt.Errorf("difference in stream %q: %w", stream, err)
	}
	d.Changes = changes(d.From.State, d.To.State)
	return d, nil
}

// between returns the events of a stream after a version, up to and including another.
func (r *Repository[S, E]) between(
	ctx context.Context, stream eventstore.StreamID, after, through eventstore.Version,
) (events []eventstore.Envelope[E], err error) {
	if after == through { // no limit would mean no end
		return nil, nil
	}
	opts := eventstore.ReadOptions{From: after + 1, Limit: int(through - after)}
	for recorded, err := range r.store.ReadStream(ctx, stream, opts) {
		if err != nil {
			return nil, err
		}
		opened, err := eventstore.Open(r.codec, recorded)
		if err != nil {
			return nil, err
		}
		events = append(events, opened...)
	}
	return events, nil
}
