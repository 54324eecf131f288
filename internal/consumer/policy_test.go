package consumer_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// failIn makes the events of a stream fail from a version on.
func (f *fixture) failIn(key string, from eventstore.Version) {
	f.before = func(_ context.Context, event eventstore.RecordedEvent) error {
		if event.Stream.Key == key && event.Version >= from {
			return errPoison
		}
		return nil
	}
}

func (f *fixture) parked(t *testing.T) []eventstore.Parked {
	t.Helper()
	parked, err := f.target.Parked(t.Context(), id, eventstore.ParkedQuery{})
	require.NoError(t, err)
	return parked
}

func orderStream(key string) eventstore.StreamID {
	return eventstore.StreamID{Category: "order", Key: key}
}

func onPartitions(t *testing.T, test func(f *fixture)) {
	t.Helper()
	for _, partitions := range []int{1, 3} {
		t.Run(fmt.Sprint(partitions, " partitions"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.config.Partitions = partitions
				test(f)
			})
		})
	}
}

func TestAParkedStreamWaitsAndTheOthersGoOn(t *testing.T) {
	onPartitions(t, func(f *fixture) {
		t := f.t
		f.config.Policy = consumer.Park
		f.failIn("7", 2)
		f.appendStreams(t, 20, 3)
		stop := f.run(t)
		elapse(time.Minute)
		f.appendStreams(t, 20, 2)
		elapse(time.Minute)

		parked := f.parked(t)
		require.Len(t, parked, 1)
		assert.Equal(t, orderStream("7"), parked[0].Stream)
		assert.Equal(t, eventstore.Version(2), parked[0].Version)
		assert.Equal(t, "happened", parked[0].Type)
		assert.Contains(t, parked[0].Reason, errPoison.Error())
		handled := f.handledStreams()
		assert.Equal(t, []eventstore.Version{1}, handled["7"], "what comes later waits behind it")
		delete(handled, "7")
		for key, versions := range handled {
			assert.Len(t, versions, 5, "stream %s", key)
		}

		f.failIn("7", 4)
		require.NoError(t, f.target.Retry(t.Context(), id, orderStream("7")))
		elapse(time.Minute)
		assert.Equal(t, []eventstore.Version{1, 2, 3}, f.handledStreams()["7"], "all before the one that fails")
		require.Len(t, f.parked(t), 1)
		assert.Equal(t, eventstore.Version(4), f.parked(t)[0].Version)
		assert.Equal(t, 1, f.parked(t)[0].Attempts)
		assert.False(t, f.parked(t)[0].Retry)

		f.failIn("", 0)
		require.NoError(t, f.target.Retry(t.Context(), id, orderStream("7")))
		elapse(time.Minute)
		f.requireEach(t, 20, 5)
		assert.Empty(t, f.parked(t))
		f.appendStreams(t, 20, 1)
		elapse(time.Minute)
		f.requireEach(t, 20, 6)
		stop()
	})
}

func TestALongParkedSequenceIsHandledInOrder(t *testing.T) {
	onPartitions(t, func(f *fixture) {
		t := f.t
		f.config.Policy = consumer.Park
		f.failIn("1", 1)
		f.append(t, "order", 1050)
		require.NoError(t, consumer.New(f.config).CatchUp(t.Context()))
		require.Len(t, f.parked(t), 1)
		assert.Zero(t, f.handled.Len())

		f.failIn("", 0)
		stop := f.run(t)
		synctest.Wait()
		require.NoError(t, f.target.Retry(t.Context(), id, orderStream("1")))
		elapse(time.Minute)
		stop()
		f.requireEach(t, 1, 1050)
		assert.Empty(t, f.parked(t))
	})
}

func TestADiscardedSequenceIsNeverHandled(t *testing.T) {
	onPartitions(t, func(f *fixture) {
		t := f.t
		f.config.Policy = consumer.Park
		f.failIn("1", 2)
		f.append(t, "order", 3)
		stop := f.run(t)
		elapse(time.Minute)
		f.failIn("", 0)
		require.NoError(t, f.target.Discard(t.Context(), id, orderStream("1")))
		f.append(t, "order", 2)
		elapse(time.Minute)
		stop()
		assert.Equal(t, []eventstore.Version{1, 4, 5}, f.handledStreams()["1"])
	})
}

func TestASkippedEventIsRecorded(t *testing.T) {
	onPartitions(t, func(f *fixture) {
		t := f.t
		f.config.Policy = consumer.Skip
		f.before = func(_ context.Context, event eventstore.RecordedEvent) error {
			if event.Version == 2 {
				return errPoison
			}
			return nil
		}
		f.append(t, "order", 3)
		stop := f.run(t)
		elapse(time.Minute)
		stop()
		assert.Equal(t, []eventstore.Version{1, 3}, f.handledStreams()["1"])
		skipped, err := f.target.Skipped(t.Context(), id, 10)
		require.NoError(t, err)
		require.Len(t, skipped, 1)
		assert.Equal(t, orderStream("1"), skipped[0].Stream)
		assert.Equal(t, eventstore.Version(2), skipped[0].Version)
		assert.Contains(t, skipped[0].Reason, errPoison.Error())
	})
}

func TestAPermanentErrorIsNotTriedAgain(t *testing.T) {
	for _, policy := range []consumer.Policy{consumer.Pause, consumer.Park, consumer.Skip} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			f.config.Policy = policy
			f.before = func(context.Context, eventstore.RecordedEvent) error {
				return fmt.Errorf("in the handler: %w", consumer.Permanent(errPoison))
			}
			f.append(t, "order", 1)
			stop := f.run(t)
			synctest.Wait()
			stop()
			assert.EqualValues(t, 1, f.calls.Load())
		})
	}
}

func TestOnePartitionPausesAndTheOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Partitions = 4
		f.failIn("7", 2)
		stop := f.run(t)
		f.appendStreams(t, 20, 2)
		elapse(time.Minute)
		checkpoints, err := f.target.Checkpoints(t.Context(), id)
		require.NoError(t, err)
		for _, at := range checkpoints {
			assert.Equal(t, at.Partition == eventstore.PartitionOf(orderStream("7"), 4), at.Paused)
		}
		assert.Equal(t, []eventstore.Version{1}, f.handledStreams()["7"])
		f.failIn("", 0)
		require.NoError(t, f.target.Resume(t.Context(), id))
		elapse(time.Minute)
		stop()
		f.requireEach(t, 20, 2)
	})
}
