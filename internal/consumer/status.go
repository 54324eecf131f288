package consumer

import (
	"context"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Status returns how far a consumer has come, whoever runs it: the parts of the config that say what it is and where it is
// kept are enough.
func Status(ctx context.Context, config Config) (status eventstore.ConsumerStatus, err error) {
	status.Consumer = config.ID
	if status.Partitions, err = config.Keeper.Checkpoints(ctx, status.Consumer); err != nil {
		return eventstore.ConsumerStatus{}, fmt.Errorf("read the checkpoints: %w", err)
	}
	latest := eventstore.ParkedQuery{LatestFirst: true, Limit: eventstore.MostParked}
	if status.Parked, err = config.Parking.Parked(ctx, status.Consumer, latest); err != nil {
		return eventstore.ConsumerStatus{}, fmt.Errorf("list what is parked: %w", err)
	}
	if status.Head, err = config.Store.Head(ctx); err != nil {
		return eventstore.ConsumerStatus{}, fmt.Errorf("read the head: %w", err)
	}
	if status.LastError, err = lastError(ctx, config.Parking, status); err != nil {
		return eventstore.ConsumerStatus{}, fmt.Errorf("list what was skipped: %w", err)
	}
	status.Position = Lowest(status.Partitions)
	status.Live = len(status.Partitions) > 0 && status.Partitions[0].Live
	status.EventsBehind, status.Behind, err = behind(ctx, config.Store, status.Position, status.Head, config.Filter)
	return status, err
}

func lastError(
	ctx context.Context, parking eventstore.Parking, status eventstore.ConsumerStatus,
) (reason string, err error) {
	for _, at := range status.Partitions {
		if at.Paused {
			return at.Reason, nil
		}
	}
	var latest time.Time
	if len(status.Parked) > 0 {
		latest, reason = status.Parked[0].ParkedAt, status.Parked[0].Reason
	}
	skipped, err := parking.Skipped(ctx, status.Consumer, 1)
	if err != nil {
		return "", err
	}
	if len(skipped) > 0 && skipped[0].SkippedAt.After(latest) {
		reason = skipped[0].Reason
	}
	return reason, nil
}

// Lowest returns the lowest position of the checkpoints, 0 where there are none.
func Lowest(checkpoints []eventstore.Checkpoint) eventstore.Position {
	var position eventstore.Position
	for i, at := range checkpoints {
		if i == 0 || at.Position < position {
			position = at.Position
		}
	}
	return position
}

// behind returns how many events there are after a position, and how old the first of them is. It counts from that one
// on, so that what lies before it, which may be all the events of others, is read once.
func behind(
	ctx context.Context, store eventstore.Store, after, head eventstore.Position, filter eventstore.Filter,
) (events int, age time.Duration, err error) {
	if after >= head {
		return 0, 0, nil
	}
	for next, err := range store.ReadAll(ctx, after, filter) {
		if err != nil {
			return 0, 0, fmt.Errorf("read the next event: %w", err)
		}
		others, err := Count(ctx, store, next.Position, head, filter, eventstore.MostEventsBehind-1)
		return 1 + others, max(time.Since(next.RecordedAt), time.Nanosecond), err
	}
	return 0, 0, nil
}

// Count counts events in the store where it can, and otherwise by reading them.
func Count(
	ctx context.Context, store eventstore.Store, after, through eventstore.Position, filter eventstore.Filter, limit int,
) (events int, err error) {
	if counter, can := store.(eventstore.Counter); can {
		return counter.Count(ctx, after, through, filter, limit)
	}
	for event, err := range store.ReadAll(ctx, after, filter) {
		switch {
		case err != nil:
			return 0, fmt.Errorf("count events: %w", err)
		case event.Position > through, limit > 0 && events == limit:
			return events, nil
		}
		events++
	}
	return events, nil
}
