package aggregate

import (
	"context"
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// Load returns the state of an aggregate now. A stream with no events is no error: its state is the zero value and its
// version 0.
//
// Errors wrap [eventstore.ErrInvalid] for a key that cannot be one, [eventstore.ErrUnknownType] for an event that the
// codec does not know, and otherwise what the store or the codec returned.
func (r *Repository[S, E]) Load(ctx context.Context, key string) (Result[S], error) {
	stream := r.id(key)
	if err := stream.Validate(); err != nil {
		return Result[S]{}, fmt.Errorf("load stream %q: %w", stream, err)
	}
	folded, err := r.current(ctx, stream, nil)
	if err != nil {
		return Result[S]{}, fmt.Errorf("load stream %q: %w", stream, err)
	}
	return folded.Result, nil
}

// LoadAt returns the state of an aggregate as it was at a point. A point before the first event gives the state without
// events. Errors are those of [Repository.Load], [ErrBeyondStream] when the stream has not reached the version of
// [AtVersion], and [eventstore.ErrInvalid] for a negative version or position and for the zero Point.
func (r *Repository[S, E]) LoadAt(ctx context.Context, key string, point Point) (Result[S], error) {
	stream := r.id(key)
	result, err := r.loadAt(ctx, stream, point)
	if err != nil {
		return Result[S]{}, fmt.Errorf("load stream %q at %v: %w", stream, point, err)
	}
	return result, nil
}

func (r *Repository[S, E]) loadAt(ctx context.Context, stream eventstore.StreamID, point Point) (Result[S], error) {
	if err := stream.Validate(); err != nil {
		return Result[S]{}, err
	}
	if err := point.validate(); err != nil {
		return Result[S]{}, err
	}
	folded, err := r.foldTo(ctx, stream, point)
	if err == nil && folded.Version < point.version {
		return Result[S]{}, fmt.Errorf("%w, which is at version %d", ErrBeyondStream, folded.Version)
	}
	return folded.Result, err
}

// foldTo starts from a snapshot, if there is one before the point. By time that cannot be told: events that it has may have
// been recorded later than its last one.
func (r *Repository[S, E]) foldTo(ctx context.Context, stream eventstore.StreamID, point Point) (loaded[S], error) {
	if point.axis != byTime {
		from, found := r.snapshot(ctx, stream)
		if found && (point.axis == byVersion && from.version <= point.version ||
			point.axis == byPosition && from.position <= point.position) {
			folded, err := r.foldFrom(ctx, stream, from, point.limited(from.version), point.includes)
			if !errors.Is(err, errUnusable) {
				return folded, err
			}
			r.keeper.unusable(ctx, stream, err)
		}
	}
	return r.foldFrom(ctx, stream, start{}, point.limited(0), point.includes)
}
