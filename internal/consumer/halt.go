package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// HaltTimeout is how long partitions may take to come to one position before it is given up.
	HaltTimeout = 10 * time.Second
	// haltLimit is when they go on by themselves, in case that this process dies meanwhile.
	haltLimit = 2 * HaltTimeout
	// haltAttempts is how often it is tried again where they do not stay there, as before the first event.
	haltAttempts = 5
	// haltLook is how often it is looked at least whether they have come there.
	haltLook = 2 * time.Millisecond
)

// Repartition gives a consumer another number of partitions, while it runs.
func Repartition(ctx context.Context, keeper Keeper, id eventstore.ConsumerID, partitions int) error {
	if err := eventstore.ValidatePartitions(partitions); err != nil {
		return fmt.Errorf("repartition %q: %w", id, err)
	}
	var err error
	for range haltAttempts {
		err = Halted(ctx, keeper, HaltTimeout, func() error { return keeper.Repartition(ctx, id, partitions) }, id)
		if !errors.Is(err, eventstore.ErrCheckpointMoved) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("repartition %q: %w", id, err)
	}
	return nil
}

// Halted calls do when all partitions of some consumers stand at one position, for which they have so much time, and then
// lets them proceed.
func Halted(
	ctx context.Context, keeper Keeper, patience time.Duration, do func() error, consumers ...eventstore.ConsumerID,
) (err error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	position, err := keeper.Halt(waiting, haltLimit, consumers...)
	if err != nil {
		return fmt.Errorf("halt it: %w", err)
	}
	// Also where do has let them proceed: another may have done the same before, and this one halted them after that.
	defer func() {
		proceeding, cancel := context.WithTimeout(context.WithoutCancel(ctx), HaltTimeout)
		defer cancel()
		err = errors.Join(err, keeper.Proceed(proceeding, consumers...))
	}()
	for _, id := range consumers {
		if err := awaitAt(waiting, keeper, id, position); err != nil {
			return err
		}
	}
	return do()
}

// awaitAt waits until all partitions of a consumer have come to a position.
func awaitAt(ctx context.Context, keeper Keeper, id eventstore.ConsumerID, position eventstore.Position) error {
	all, err := keeper.Await(ctx, id, haltLook, func(all []eventstore.Checkpoint) bool {
		late := FindLate(all, position)
		return late == nil || late.Paused
	})
	late := FindLate(all, position)
	switch {
	case late == nil:
		return err
	case late.Paused:
		return fmt.Errorf("partition %d: %w at position %d: %s", late.Partition, eventstore.ErrPaused, late.Position, late.Reason)
	case late.Owner == "":
		return fmt.Errorf("partition %d does not come to position %d, as nobody works on it: %w", late.Partition, position, err)
	}
	return fmt.Errorf("partition %d does not come to position %d, it is at %d: %w",
		late.Partition, position, late.Position, err)
}

// FindLate returns the last of the partitions that have not come to a position, but one that is paused where there is
// one.
func FindLate(all []eventstore.Checkpoint, position eventstore.Position) (late *eventstore.Checkpoint) {
	for i := range all {
		at := &all[i]
		switch {
		case at.Position >= position:
		case at.Paused:
			return at
		case late == nil || at.Position < late.Position:
			late = at
		}
	}
	return late
}
