package consumer_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// watchedParking notes what is asked of it.
type watchedParking struct {
	eventstore.Parking

	mu    sync.Mutex
	asked []eventstore.ParkedQuery
	most  int // that were returned at once
}

func (w *watchedParking) Parked(
	ctx context.Context, who eventstore.ConsumerID, query eventstore.ParkedQuery,
) ([]eventstore.Parked, error) {
	parked, err := w.Parking.Parked(ctx, who, query)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, query)
	w.most = max(w.most, len(parked))
	return parked, err
}

// parkStreams parks streams of which each has one event that was handled in vain.
func (f *fixture) parkStreams(t *testing.T, streams int) []eventstore.Parked {
	t.Helper()
	f.appendStreams(t, streams, 1)
	f.config.Policy = consumer.Park
	f.before = func(context.Context, eventstore.RecordedEvent) error { return consumer.Permanent(errPoison) }
	require.NoError(t, consumer.New(f.config).CatchUp(t.Context()))
	parked := f.parked(t)
	require.Len(t, parked, streams)
	f.failIn("", 0)
	return parked
}

// However much is parked, a session reads what concerns the events in hand, and the reasons only of what it tries again.
func TestManyParkedStreamsAreNotReadWhole(t *testing.T) {
	onPartitions(t, func(f *fixture) {
		t := f.t
		const streams = 500
		f.parkStreams(t, streams)
		parking := &watchedParking{Parking: f.target}
		f.config.Parking = parking
		stop := f.run(t)
		for key := range 3 {
			f.appendTo(t, "order", fmt.Sprint(key), 1)
			f.appendTo(t, "order", fmt.Sprint(streams+key), 1)
			elapse(time.Minute)
		}
		assert.Equal(t, 3, f.handled.Len(), "those of streams that are not parked")
		require.NoError(t, f.target.Retry(t.Context(), id, orderStream("0")))
		elapse(time.Minute)
		stop()

		assert.Equal(t, 3+2, f.handled.Len())
		assert.Len(t, f.parked(t), streams-1)
		assert.LessOrEqual(t, parking.most, 10)
		reasons := slices.DeleteFunc(parking.asked, func(q eventstore.ParkedQuery) bool { return q.WithoutReason })
		require.Len(t, reasons, 1)
		assert.Equal(t, []eventstore.StreamID{orderStream("0")}, reasons[0].Streams)
	})
}

// A checkpoint follows events of parked streams as it does those of other partitions: not each time.
func TestEventsOfParkedStreamsCostFewMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.parkStreams(t, 1)
		moves := 0
		f.config.Handle = func(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
			moves++
			return f.handle(ctx, move, events)
		}
		stop := f.run(t)
		for range 100 {
			f.appendTo(t, "order", "0", 1)
			elapse(time.Millisecond)
		}
		elapse(time.Minute)
		stop()
		assert.EqualValues(t, 101, f.checkpoint(t).Position)
		assert.Less(t, moves, 10)
	})
}

// What is to be tried again is found behind however many that others have to try.
func TestARetryIsFoundBehindThoseOfOtherPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Partitions = 2
		parked := f.parkStreams(t, 700)
		partition := func(p eventstore.Parked) int { return eventstore.PartitionOf(p.Stream, 2) }
		last := slices.IndexFunc(parked, func(p eventstore.Parked) bool { return partition(p) == 0 && p.Position > 600 })
		require.GreaterOrEqual(t, last, 0)
		for i, p := range parked {
			if i == last || partition(p) == 1 {
				require.NoError(t, f.target.Retry(t.Context(), id, p.Stream))
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		handle := f.config.Handle
		f.config.Handle = func(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
			if move.Partition == 1 {
				cancel() // it is enough to see that of the first partition
			}
			return handle(ctx, move, events)
		}
		require.ErrorIs(t, consumer.New(f.config).CatchUp(ctx), context.Canceled)
		times, _ := f.handled.Get(parked[last].Position)
		assert.Equal(t, 1, times)
		assert.Equal(t, 1, f.handled.Len())
	})
}

// A stream that was discarded while it is looked at is not parked again.
func TestADiscardWhileItIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		stream := f.parkStreams(t, 1)[0].Stream
		require.NoError(t, f.target.Retry(t.Context(), id, stream))
		f.config.Parking = discarding{f.target}
		require.NoError(t, consumer.New(f.config).CatchUp(t.Context()))
		assert.Empty(t, f.parked(t))
		assert.Zero(t, f.handled.Len())
	})
}

// discarding discards what is to be tried again, as soon as it was listed.
type discarding struct{ eventstore.Parking }

func (d discarding) Parked(
	ctx context.Context, who eventstore.ConsumerID, query eventstore.ParkedQuery,
) ([]eventstore.Parked, error) {
	parked, err := d.Parking.Parked(ctx, who, query)
	if err == nil && query.Retry && len(parked) > 0 {
		err = d.Discard(ctx, who, parked[0].Stream)
	}
	return parked, err
}
