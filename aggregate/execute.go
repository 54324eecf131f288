package aggregate

import (
	"context"
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// Execute loads an aggregate, lets the commands decide in turn, each on the state that those before it have brought
// about, and appends all their events at once: all of them are recorded or none. It returns the state after them. When
// the commands decide no events, nothing is appended and the result is what was loaded.
//
// When another append to the stream comes between, Execute loads and decides again, after a short random delay that
// grows to at most 64 ms, up to [Options].Attempts times.
//
// After an error nothing was written, but for one case. Errors, all naming the stream:
//   - [*RefusedError], wrapping the error of the command's Decide: nothing is recorded of the other commands either;
//   - [*eventstore.ConflictError] when all attempts were overtaken;
//   - [eventstore.ErrOutcomeUnknown] when the store cannot tell whether the events were recorded. Executing again would
//     decide anew; where that must not be, use [Repository.ExecuteOnce];
//   - the context's error when it ends, with the conflict, if that is what Execute was waiting for;
//   - [eventstore.ErrInvalid] for a key that cannot be one and for events that no store takes,
//     [eventstore.ErrUnknownType] for an event in the stream that the codec does not know, and otherwise what the
//     store or the codec returned.
func (r *Repository[S, E]) Execute(
	ctx context.Context, key string, commands ...Command[S, E],
) (Result[S], error) {
	return r.execute(ctx, key, func(stream eventstore.StreamID) (Result[S], error) {
		return r.attempt(ctx, stream, nil, commands)
	})
}

// execute makes attempts until one is not overtaken.
func (r *Repository[S, E]) execute(
	ctx context.Context, key string, attempt func(eventstore.StreamID) (Result[S], error),
) (Result[S], error) {
	stream := r.id(key)
	if err := stream.Validate(); err != nil {
		return Result[S]{}, fmt.Errorf("execute on stream %q: %w", stream, err)
	}
	for n := 1; ; n++ {
		result, err := attempt(stream)
		if err == nil {
			return result, nil
		}
		if !overtaken(err, stream) {
			return Result[S]{}, fmt.Errorf("execute on stream %q: %w", stream, err)
		}
		if n == r.attempts {
			return Result[S]{}, fmt.Errorf("execute on stream %q: gave up after %d attempts: %w", stream, n, err)
		}
		if ended := backOff(ctx, n); ended != nil {
			return Result[S]{}, fmt.Errorf("execute on stream %q: %w while waiting after attempt %d: %w",
				stream, ended, n, err)
		}
	}
}

// overtaken reports whether an attempt failed because another append to its stream came first.
func overtaken(err error, stream eventstore.StreamID) bool {
	var conflict *eventstore.ConflictError
	return errors.As(err, &conflict) && conflict.Stream == stream || errors.Is(err, errExecutedElsewhere)
}

// attempt decides on what the cache has of the stream: whether that is the latest, the append tells. What is not settled by
// an append, or was overtaken, is decided on what the store has.
func (r *Repository[S, E]) attempt(
	ctx context.Context, stream eventstore.StreamID, once *execution, commands []Command[S, E],
) (Result[S], error) {
	if recalled, found := r.recall(stream, once); found {
		result, settled, err := r.decideOn(ctx, stream, recalled, nil, commands)
		if settled && !overtaken(err, stream) {
			return result, err
		}
	}
	loaded, err := r.current(ctx, stream, once)
	if err != nil {
		return Result[S]{}, err
	}
	if once.found() {
		return outcome(loaded.Result, once), nil
	}
	result, settled, refused := r.decideOn(ctx, stream, loaded, once, commands)
	if settled {
		return result, refused
	}
	if first, executed, err := r.executedBefore(ctx, once, loaded); executed || err != nil {
		return first, err
	}
	return result, refused
}

// decideOn decides on a state and appends what was decided. When there was nothing to append it is not settled: that stands
// only if the state is the latest and the command was not executed before.
func (r *Repository[S, E]) decideOn(
	ctx context.Context, stream eventstore.StreamID, on loaded[S], once *execution, commands []Command[S, E],
) (result Result[S], settled bool, err error) {
	decided, err := r.decide(stream, on.Result, commands)
	if err != nil || len(decided.write.Events) == 0 {
		return decided.result, false, err
	}
	if once != nil {
		result, err = r.appendOnce(ctx, once, on, decided)
	} else {
		result, err = r.append(ctx, on, decided)
	}
	return result, true, err
}

func (r *Repository[S, E]) append(ctx context.Context, before loaded[S], decided decision[S]) (Result[S], error) {
	appended, err := r.store.Append(ctx, decided.write)
	if err != nil {
		return Result[S]{}, err
	}
	decided.result.Position = appended.Position
	r.appended(before, decided)
	return decided.result, nil
}
