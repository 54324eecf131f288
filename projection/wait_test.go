package projection_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/projection"
)

// at returns a target whose consumer has one partition for each of some positions.
func at(t *testing.T, positions ...eventstore.Position) *memstore.Target {
	t.Helper()
	target := memstore.NewTarget(nil)
	id := eventstore.ConsumerID{Name: name, Version: 1}
	require.NoError(t, target.Define(t.Context(), id, eventstore.Definition{Partitions: len(positions)}))
	for partition, position := range positions {
		move(t, target, partition, 0, position)
	}
	return target
}

func move(t *testing.T, target *memstore.Target, partition int, from, to eventstore.Position) {
	t.Helper()
	checkpoints, err := target.Checkpoints(t.Context(), eventstore.ConsumerID{Name: name})
	require.NoError(t, err)
	step := eventstore.Move{
		Consumer: checkpoints[partition].Consumer, Partition: partition, Epoch: checkpoints[partition].Epoch, From: from, To: to,
	}
	require.NoError(t, target.Advance(t.Context(), step, nil))
}

func TestWaitForWaitsForAllPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := at(t, 7, 6, 9)
		done := make(chan error, 1)
		go func() { done <- projection.WaitFor(t.Context(), target, name, 7) }()
		synctest.Wait()
		require.Empty(t, done)
		move(t, target, 1, 6, 7)
		require.NoError(t, <-done)
	})
}

func TestWaitForStreamWaitsForItsPartition(t *testing.T) {
	stream := eventstore.StreamID{Category: "order", Key: "1"}
	positions := []eventstore.Position{0, 0, 0}
	positions[eventstore.PartitionOf(stream, 3)] = 7
	target := at(t, positions...)
	require.NoError(t, projection.WaitForStream(t.Context(), target, name, stream, 7))
}

func TestWaitForTellsHowFarItCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := projection.WaitFor(ctx, at(t, 6, 5, 8), name, 7)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, `wait for projection "sales" to reach position 7: it is at 5: `)
	})
}

func TestWaitForAPausedProjection(t *testing.T) {
	target := at(t, 8, 6)
	checkpoints, err := target.Checkpoints(t.Context(), eventstore.ConsumerID{Name: name})
	require.NoError(t, err)
	require.NoError(t, target.Pause(t.Context(), checkpoints[1], "poison"))
	require.NoError(t, projection.WaitFor(t.Context(), target, name, 6))
	err = projection.WaitFor(t.Context(), target, name, 7)
	require.ErrorIs(t, err, eventstore.ErrPaused)
	require.ErrorContains(t, err, "poison")
}

func TestWaitForAParkedStream(t *testing.T) {
	target := at(t, 8)
	stream := eventstore.StreamID{Category: "order", Key: "1"}
	checkpoints, err := target.Checkpoints(t.Context(), eventstore.ConsumerID{Name: name})
	require.NoError(t, err)
	require.NoError(t, target.Advance(t.Context(), eventstore.Move{
		Consumer: checkpoints[0].Consumer, Epoch: checkpoints[0].Epoch, From: 8, To: 9,
		Park: []eventstore.Parked{{Stream: stream, Version: 3, Position: 9, Type: "x", Reason: "poison"}},
	}, nil))
	require.NoError(t, projection.WaitFor(t.Context(), target, name, 9))
	require.NoError(t, projection.WaitForStream(t.Context(), target, name, stream, 8), "before what is parked")
	err = projection.WaitForStream(t.Context(), target, name, stream, 20)
	require.ErrorIs(t, err, eventstore.ErrParked)
	require.ErrorContains(t, err, "poison")
}
