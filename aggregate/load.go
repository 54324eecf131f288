package aggregate

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Load returns the state of an aggregate now. A stream with no events is no error: its state is the zero value and its
// version 0.
//
// Errors wrap [eventstore.ErrInvalid] for a key that cannot be one, [eventstore.ErrUnknownType] for an event that the
// codec does not know, and otherwise what the store or the codec returned.
func (r *Repository[S, E]) Load(ctx context.Context, key string) (Result[S], error) {
	return r.load(ctx, r.id(key), eventstore.ReadOptions{}, nil)
}

// LoadVersion returns the state of an aggregate as it was at a version; version 0 is the state without events. Errors
// are those of [Repository.Load], [ErrBeyondStream] when the stream has not reached the version, and
// [eventstore.ErrInvalid] for a negative one.
func (r *Repository[S, E]) LoadVersion(
	ctx context.Context, key string, version eventstore.Version,
) (Result[S], error) {
	stream := r.id(key)
	if version < 0 {
		return Result[S]{}, fmt.Errorf("load version %d of stream %q: %w: it is negative",
			version, stream, eventstore.ErrInvalid)
	}
	opts := eventstore.ReadOptions{Limit: int(min(max(version, 1), math.MaxInt))}
	result, err := r.load(ctx, stream, opts, func(next eventstore.RecordedEvent) bool {
		return next.Version <= version
	})
	if err == nil && result.Version < version {
		return Result[S]{}, fmt.Errorf("load version %d of stream %q: %w, which is at version %d",
			version, stream, ErrBeyondStream, result.Version)
	}
	return result, err
}

// LoadAt returns the state of an aggregate as it was at a time: that of the events before the first one that was
// recorded later. The times are those of the store's clock. As clocks step back now and then, an event may follow that
// bears an earlier time; it is left out, because the order of events is that of their versions. A time before the
// first event gives the state without events. Errors are those of [Repository.Load].
func (r *Repository[S, E]) LoadAt(ctx context.Context, key string, at time.Time) (Result[S], error) {
	return r.load(ctx, r.id(key), eventstore.ReadOptions{}, func(next eventstore.RecordedEvent) bool {
		return !next.RecordedAt.After(at)
	})
}

// load validates the stream before it folds it.
func (r *Repository[S, E]) load(
	ctx context.Context, stream eventstore.StreamID, opts eventstore.ReadOptions,
	include func(eventstore.RecordedEvent) bool,
) (Result[S], error) {
	if err := stream.Validate(); err != nil {
		return Result[S]{}, fmt.Errorf("load stream %q: %w", stream, err)
	}
	result, err := r.fold(ctx, stream, opts, include)
	if err != nil {
		return Result[S]{}, fmt.Errorf("load stream %q: %w", stream, err)
	}
	return result, nil
}
