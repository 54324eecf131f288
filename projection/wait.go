package projection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// waitLook is how often WaitFor looks at first. The longer it waits, the less often: see [eventstore.Checkpoints].
const waitLook = 2 * time.Millisecond

// WaitFor returns nil once the named projection has applied everything up to a position, in whatever process it runs.
// With the position of an append, what is read afterwards includes what was written. It waits for the version that is
// live. All that wait in a process cost the database about as much as one.
//
// It returns an error wrapping [eventstore.ErrPaused], with the reason, when a partition is paused before that position;
// when ctx ends an error that wraps ctx's and says how far the projection has come; and that of checkpoints when it
// fails. It does not know whether the projection runs anywhere: give ctx a deadline. What is parked counts as applied:
// see [WaitForStream].
func WaitFor(
	ctx context.Context, checkpoints eventstore.Checkpoints, name string, position eventstore.Position,
) error {
	all := func(all []eventstore.Checkpoint) []eventstore.Checkpoint { return all }
	if err := waitFor(ctx, checkpoints, name, position, all); err != nil {
		return fmt.Errorf("wait for projection %q to reach position %d: %w", name, position, err)
	}
	return nil
}

// Waitable is what [WaitForStream] looks at: any [eventstore.Target].
type Waitable interface {
	eventstore.Checkpoints
	eventstore.Parking
}

// WaitForStream is like [WaitFor] for those who have written to one stream and read what follows from it: it waits for
// the partition of that stream only. It returns an error wrapping [eventstore.ErrParked], with the reason, when the
// projection has set the stream's events aside, at or before the position.
func WaitForStream(
	ctx context.Context, target Waitable, name string, stream eventstore.StreamID, position eventstore.Position,
) error {
	if err := waitForStream(ctx, target, name, stream, position); err != nil {
		return fmt.Errorf("wait for projection %q to reach position %d of stream %q: %w", name, position, stream, err)
	}
	return nil
}

func waitForStream(
	ctx context.Context, target Waitable, name string, stream eventstore.StreamID, position eventstore.Position,
) error {
	if err := checkParked(ctx, target, name, stream, position); err != nil {
		return err
	}
	err := waitFor(ctx, target, name, position, func(all []eventstore.Checkpoint) []eventstore.Checkpoint {
		if len(all) == 0 {
			return nil
		}
		partition := eventstore.PartitionOf(stream, len(all))
		return all[partition : partition+1]
	})
	if err != nil {
		return err
	}
	return checkParked(ctx, target, name, stream, position) // it may have been parked meanwhile
}

func checkParked(
	ctx context.Context, parking eventstore.Parking, name string, stream eventstore.StreamID, position eventstore.Position,
) error {
	parked, err := findParked(ctx, parking, eventstore.ConsumerID{Name: name}, stream)
	switch {
	case errors.Is(err, eventstore.ErrNotParked), err == nil && parked.Position > position:
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w from version %d on: %s", eventstore.ErrParked, parked.Version, parked.Reason)
}

// waitFor waits for those of the partitions that concerning returns.
func waitFor(
	ctx context.Context, checkpoints eventstore.Checkpoints, name string, position eventstore.Position,
	concerning func(all []eventstore.Checkpoint) []eventstore.Checkpoint,
) error {
	if position <= 0 {
		return nil
	}
	all, err := checkpoints.Await(ctx, eventstore.ConsumerID{Name: name}, waitLook, func(all []eventstore.Checkpoint) bool {
		late := consumer.FindLate(concerning(all), position)
		return len(all) > 0 && (late == nil || late.Paused)
	})
	late := consumer.FindLate(concerning(all), position)
	switch {
	case late == nil:
		return err
	case late.Paused:
		return fmt.Errorf("%w at position %d: %s", eventstore.ErrPaused, late.Position, late.Reason)
	}
	return fmt.Errorf("it is at %d: %w", late.Position, err)
}
