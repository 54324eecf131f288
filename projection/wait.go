package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// waitLook is how often WaitFor looks at least.
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
	all := func(eventstore.Checkpoint) bool { return true }
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
	err := waitFor(ctx, target, name, position, func(c eventstore.Checkpoint) bool {
		return c.Partition == eventstore.PartitionOf(stream, c.Partitions)
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

// waitFor waits for those of the partitions that concern the caller.
func waitFor(
	ctx context.Context, checkpoints eventstore.Checkpoints, name string, position eventstore.Position,
	concerns func(eventstore.Checkpoint) bool,
) error {
	if position <= 0 {
		return nil
	}
	all, err := checkpoints.Await(ctx, eventstore.ConsumerID{Name: name}, waitLook, func(all []eventstore.Checkpoint) bool {
		late := findLate(filtered(all, concerns), position)
		return len(all) > 0 && (late == nil || late.Paused)
	})
	late := findLate(filtered(all, concerns), position)
	switch {
	case late == nil:
		return err
	case late.Paused:
		return fmt.Errorf("%w at position %d: %s", eventstore.ErrPaused, late.Position, late.Reason)
	}
	return fmt.Errorf("it is at %d: %w", late.Position, err)
}

func filtered(
	all []eventstore.Checkpoint, concerns func(eventstore.Checkpoint) bool,
) []eventstore.Checkpoint {
	return slices.DeleteFunc(slices.Clone(all), func(at eventstore.Checkpoint) bool { return !concerns(at) })
}
