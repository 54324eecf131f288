package aggregate

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// include says whether a fold goes on to an event, or ends before it. All events are wanted where there is none.
type include func(eventstore.RecordedEvent) bool

// loaded is a state, and how it was come by.
type loaded[S any] struct {
	Result[S]
	id     uuid.UUID          // of the last event, zero where it is not known
	hidden eventstore.Version // up to where the events are in a snapshot, and were not seen
	since  tally              // what was folded after the snapshot
	broken bool               // there is a snapshot that cannot be used
	fresh  fresh              // what the store had after the start, for the cache

	// unproven is that the store has not yet been seen to have the last event of the start. As a variable of the fold it would
	// be another allocation.
	unproven bool
}

// foldFrom folds a state of its own: from a start, and what the store has after it. It ends before the first event that include,
// if there is one, does not want. Reading begins with the last event in the start, which shows whether the store still has
// it, and counts for the limit. An error wraps errUnusable when the start is not what the store's events amount to.
func (r *Repository[S, E]) foldFrom(
	ctx context.Context, stream eventstore.StreamID, from start, opts eventstore.ReadOptions, include include,
) (loaded[S], error) {
	folded, ended, err := r.restore(from, include)
	if err != nil || ended {
		return folded, err
	}
	opts.From = from.version
	folded.unproven = from.version > 0
	for recorded, err := range r.store.ReadStream(ctx, stream, opts) {
		if err != nil {
			return loaded[S]{}, err
		}
		if folded.unproven {
			if err := from.endsWith(recorded); err != nil {
				return loaded[S]{}, err
			}
			folded.unproven, folded.id = false, recorded.ID
			continue
		}
		if include != nil && !include(recorded) {
			break
		}
		if err := r.applyStored(&folded, recorded); err != nil {
			return loaded[S]{}, err
		}
		r.cache.collect(&folded.fresh, recorded)
	}
	if folded.unproven {
		return loaded[S]{}, fmt.Errorf("%w: it is of version %d, which the store does not have", errUnusable, from.version)
	}
	return folded, nil
}

// restore returns the state that a start amounts to, and whether it ended within it as include wanted.
func (r *Repository[S, E]) restore(from start, include include) (folded loaded[S], ended bool, err error) {
	if from.snapshot != nil {
		state, err := r.keeper.open(from.snapshot)
		if err != nil {
			return loaded[S]{}, false, fmt.Errorf("%w: %w", errUnusable, err)
		}
		folded.State = state
		folded.Version, folded.Position = from.snapshot.Version, from.snapshot.Position
		folded.id, folded.hidden = from.snapshot.EventID, from.snapshot.Version
	}
	for _, recorded := range from.events {
		if include != nil && !include(recorded) {
			return folded, true, nil
		}
		if err := r.applyStored(&folded, recorded); err != nil {
			return loaded[S]{}, false, err
		}
	}
	return folded, false, nil
}

func (r *Repository[S, E]) applyStored(folded *loaded[S], recorded eventstore.RecordedEvent) error {
	if err := r.apply(&folded.Result, recorded); err != nil {
		return err
	}
	folded.id = recorded.ID
	folded.since.add(recorded.Data)
	return nil
}

// apply moves result on by one stored event. The state it had is not used again.
func (r *Repository[S, E]) apply(result *Result[S], recorded eventstore.RecordedEvent) error {
	events, err := r.codec.Decode(recorded)
	if err != nil {
		return err
	}
	for _, event := range events {
		result.State = result.State.Evolve(event)
	}
	result.Version = recorded.Version
	result.Position = recorded.Position
	return nil
}
