package projection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// haltTimeout is how long partitions may take to come to one position before it is given up.
	haltTimeout = 10 * time.Second
	// haltLimit is when they go on by themselves, in case that this process dies meanwhile.
	haltLimit = 2 * haltTimeout
	// haltAttempts is how often it is tried again where they do not stay there, as before the first event.
	haltAttempts = 5
)

// Repartition changes the number of partitions of a projection, while it runs: they go on to one position, are replaced
// there, and those who run the projection share out the new ones. Order in each stream is kept and nothing is applied
// twice. It works on the version that is live, or on the one that id names.
//
// It returns an error, and leaves the partitions as they were, when they do not come to one position within ten seconds,
// as nobody works on one of them, or one is paused ([eventstore.ErrPaused]); when the number is out of range
// ([eventstore.ErrInvalid]); when ctx ends first; and when the target fails.
func Repartition[Tx any](
	ctx context.Context, target eventstore.Target[Tx], id eventstore.ConsumerID, partitions int,
) error {
	if err := eventstore.ValidatePartitions(partitions); err != nil {
		return fmt.Errorf("repartition %q: %w", id, err)
	}
	var err error
	for range haltAttempts {
		err = halted(ctx, target, haltTimeout, func() error { return target.Repartition(ctx, id, partitions) }, id)
		if !errors.Is(err, eventstore.ErrCheckpointMoved) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("repartition %q: %w", id, err)
	}
	return nil
}

// keeper is what halting needs.
type keeper interface {
	eventstore.Checkpoints
	eventstore.Leases
}

// halted calls do when all partitions of some consumers stand at one position, for which they have so much time, and then
// lets them proceed.
func halted(
	ctx context.Context, target keeper, patience time.Duration, do func() error, consumers ...eventstore.ConsumerID,
) (err error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	position, err := target.Halt(waiting, haltLimit, consumers...)
	if err != nil {
		return fmt.Errorf("halt it: %w", err)
	}
	// Also where do has let them proceed: another may have done the same before, and this one halted them after that.
	defer func() {
		proceeding, cancel := context.WithTimeout(context.WithoutCancel(ctx), haltTimeout)
		defer cancel()
		err = errors.Join(err, target.Proceed(proceeding, consumers...))
	}()
	for _, id := range consumers {
		if err := awaitAt(waiting, target, id, position); err != nil {
			return err
		}
	}
	return do()
}

// awaitAt waits until all partitions of a consumer have come to a position.
func awaitAt(ctx context.Context, target keeper, id eventstore.ConsumerID, position eventstore.Position) error {
	all, err := target.Await(ctx, id, waitLook, func(all []eventstore.Checkpoint) bool {
		late := findLate(all, position)
		return late == nil || late.Paused
	})
	late := findLate(all, position)
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

// findLate returns the last of the partitions that have not come to a position, but one that is paused where there is
// one.
func findLate(all []eventstore.Checkpoint, position eventstore.Position) (late *eventstore.Checkpoint) {
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
