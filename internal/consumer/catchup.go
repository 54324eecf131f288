package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

func catchUp(ctx context.Context, config Config) error {
	if err := define(ctx, config); err != nil {
		return err
	}
	head, err := config.Store.Head(ctx)
	if err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	for partition := 0; ; partition++ {
		at, err := checkpointOf(ctx, config, partition)
		if err != nil {
			return err
		}
		if at.Partitions == 0 { // there are fewer now
			return nil
		}
		if err := catchUpPartition(ctx, config, at, head); err != nil {
			return err
		}
		if partition+1 >= at.Partitions {
			return nil
		}
	}
}

// catchUpPartition works in one epoch of a partition after another until it is at the head.
func catchUpPartition(ctx context.Context, config Config, at eventstore.Checkpoint, head eventstore.Position) error {
	for {
		s := &session{Config: config, at: at, until: head, attempts: 1, giveUp: giveUpToCaller}
		err := s.run(ctx)
		switch {
		case errors.Is(err, errStopped):
			err = awaitEpoch(ctx, config, at)
		case errors.Is(err, errChanged):
			err = nil
		default:
			return err
		}
		if err != nil {
			return err
		}
		if at, err = checkpointOf(ctx, config, at.Partition); err != nil || at.Partitions == 0 { // it is gone
			return err
		}
	}
}

// awaitEpoch returns when the partition is in another epoch.
func awaitEpoch(ctx context.Context, config Config, at eventstore.Checkpoint) error {
	_, err := config.Keeper.Await(ctx, config.ID, lookEvery, func(now []eventstore.Checkpoint) bool {
		return at.Partition >= len(now) || now[at.Partition].Epoch != at.Epoch || now[at.Partition].StopAt != at.StopAt
	})
	if err != nil {
		return fmt.Errorf("wait until partition %d goes on: %w", at.Partition, err)
	}
	return nil
}
