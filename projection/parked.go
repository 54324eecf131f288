package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Parked returns the sequences that the projection has set aside by [Park], by position: of each the stream, the event
// that failed, and why. The events are in the store; this reads them, up to the limit of what is parked:
//
//	store.ReadStream(ctx, parked.Stream, eventstore.ReadOptions{From: parked.Version})
//
// Where there may be a great many, ask the target for those that are wanted, or for one page after another: see
// [eventstore.ParkedQuery].
func (p *Projection[Tx]) Parked(ctx context.Context) ([]eventstore.Parked, error) {
	parked, err := p.target.Parked(ctx, p.ID(), eventstore.ParkedQuery{})
	if err != nil {
		return nil, fmt.Errorf("list what projection %q has parked: %w", p.ID(), err)
	}
	return parked, nil
}

// Skipped returns the events that the projection has passed over by [Skip], the latest first, no more than limit.
func (p *Projection[Tx]) Skipped(ctx context.Context, limit int) ([]eventstore.Skipped, error) {
	skipped, err := p.target.Skipped(ctx, p.ID(), limit)
	if err != nil {
		return nil, fmt.Errorf("list what projection %q has skipped: %w", p.ID(), err)
	}
	return skipped, nil
}

// Retry has the events of a parked stream applied again, in order, by whoever works on the projection now, and returns
// when the stream is level: nothing of it is parked any more.
//
// When one of the events fails, those before it are committed, the stream stays parked from there on, and the error says
// why, wrapping [eventstore.ErrParked]. It wraps [eventstore.ErrNotParked] when the stream is not parked. When ctx ends
// first, as may happen where nobody runs the projection, what was asked for stays so.
func (p *Projection[Tx]) Retry(ctx context.Context, stream eventstore.StreamID) error {
	if err := p.retry(ctx, stream); err != nil {
		return fmt.Errorf("retry parked stream %q of projection %q: %w", stream, p.ID(), err)
	}
	return nil
}

// retryLook is how often Retry looks at least what has become of it.
const retryLook = 50 * time.Millisecond

func (p *Projection[Tx]) retry(ctx context.Context, stream eventstore.StreamID) error {
	id := p.ID()
	if err := p.target.Retry(ctx, id, stream); err != nil {
		return err
	}
	for {
		checkpoints, err := p.target.Checkpoints(ctx, id)
		if err != nil {
			return err
		}
		now, err := p.find(ctx, id, stream)
		switch {
		case errors.Is(err, eventstore.ErrNotParked):
			return nil
		case err != nil:
			return err
		case !now.Retry:
			return fmt.Errorf("%w from version %d on: %s", eventstore.ErrParked, now.Version, now.Reason)
		}
		if _, err := p.target.Await(ctx, id, retryLook, isOtherThan(checkpoints)); err != nil {
			return fmt.Errorf("it is still to be tried: %w", err)
		}
	}
}

// isOtherThan returns a function that reports whether checkpoints are in another epoch than some were.
func isOtherThan(before []eventstore.Checkpoint) func([]eventstore.Checkpoint) bool {
	return func(now []eventstore.Checkpoint) bool {
		return !slices.EqualFunc(before, now, func(a, b eventstore.Checkpoint) bool { return a.Epoch == b.Epoch })
	}
}

func (p *Projection[Tx]) find(
	ctx context.Context, id eventstore.ConsumerID, stream eventstore.StreamID,
) (eventstore.Parked, error) {
	return findParked(ctx, p.target, id, stream)
}

// findParked returns the parked sequence of a stream, and ErrNotParked where there is none.
func findParked(
	ctx context.Context, parking eventstore.Parking, id eventstore.ConsumerID, stream eventstore.StreamID,
) (eventstore.Parked, error) {
	sequences, err := parking.Parked(ctx, id, eventstore.ParkedQuery{Streams: []eventstore.StreamID{stream}})
	switch {
	case err != nil:
		return eventstore.Parked{}, err
	case len(sequences) == 0:
		return eventstore.Parked{}, eventstore.ErrNotParked
	}
	return sequences[0], nil
}

// Discard gives up the parked events of a stream: they are never applied. What comes to the stream later is applied
// again. It returns an error wrapping [eventstore.ErrNotParked] when the stream is not parked, and one wrapping
// [eventstore.ErrInvalid] when the projection has never run.
func (p *Projection[Tx]) Discard(ctx context.Context, stream eventstore.StreamID) error {
	if err := p.target.Discard(ctx, p.ID(), stream); err != nil {
		return fmt.Errorf("discard parked stream %q of projection %q: %w", stream, p.ID(), err)
	}
	return nil
}

// Resume lets the projection try again where it is paused. It returns an error wrapping [eventstore.ErrInvalid] when the
// projection has never run.
func (p *Projection[Tx]) Resume(ctx context.Context) error {
	if err := p.target.Resume(ctx, p.ID()); err != nil {
		return fmt.Errorf("resume projection %q: %w", p.ID(), err)
	}
	return nil
}
