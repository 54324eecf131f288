package pgstore

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func readOf(key string) streamRead {
	return streamRead{stream: eventstore.StreamID{Category: "order", Key: key}}
}

// idleReadQueue is a queue whose lanes are played by the test, which finds their first batches in started.
func idleReadQueue(usualLanes, maxLanes int) (q *readQueue, started chan *readBatch) {
	started = make(chan *readBatch, 100)
	return newReadQueue(usualLanes, maxLanes, func(b *readBatch) { started <- b }), started
}

func keysOf(b *readBatch) (keys []string) {
	for _, read := range b.reads {
		keys = append(keys, read.stream.Key)
	}
	return keys
}

func TestALoneReadGoesAtOnce(t *testing.T) {
	t.Parallel()
	q, started := idleReadQueue(2, 2)
	for range 10 {
		require.Nil(t, q.begin(readOf("1")))
		require.Nil(t, q.begin(readOf("2")))
		q.end()
		q.end()
	}
	q.running.Wait()
	assert.Empty(t, started)
}

func TestReadsThatWaitShareALane(t *testing.T) {
	t.Parallel()
	q, started := idleReadQueue(1, 1)
	require.Nil(t, q.begin(readOf("alone")))
	require.NotNil(t, q.begin(readOf("1")))
	require.NotNil(t, q.begin(readOf("2")))
	q.end()
	assert.Equal(t, []string{"1", "2"}, keysOf(<-started))
	require.NotNil(t, q.begin(readOf("3")))
	assert.Equal(t, []string{"3"}, keysOf(q.next()))
	assert.Nil(t, q.next())
	assert.Nil(t, q.begin(readOf("4")), "the lane was not given back")
}

func TestASharedReadIsLimited(t *testing.T) {
	t.Parallel()
	q, started := idleReadQueue(1, 1)
	require.Nil(t, q.begin(readOf("alone")))
	for range maxSharedReads + 1 {
		require.NotNil(t, q.begin(readOf("1")))
	}
	q.end()
	assert.Len(t, (<-started).reads, maxSharedReads)
	assert.Len(t, q.next().reads, 1)
}

func TestAReadThatIsLeftIsNotMade(t *testing.T) {
	t.Parallel()
	q, started := idleReadQueue(1, 1)
	require.Nil(t, q.begin(readOf("alone")))
	first, second, third := q.begin(readOf("1")), q.begin(readOf("2")), q.begin(readOf("3"))
	q.leave(second)
	q.end()
	b := <-started
	assert.Equal(t, []string{"1", "3"}, keysOf(b))
	q.leave(first)
	require.NoError(t, b.ctx.Err())
	q.leave(third)
	require.Error(t, b.ctx.Err(), "nobody waits for the batch")
	assert.Nil(t, q.next())

	require.Nil(t, q.begin(readOf("alone")))
	q.leave(q.begin(readOf("1")))
	q.end()
	assert.Empty(t, started, "a lane without work")
}

// Lanes that are kept by something do not keep others from reading.
func TestLanesThatStallAreJoinedByAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, started := idleReadQueue(1, 2)
		require.Nil(t, q.begin(readOf("stalled")))
		require.NotNil(t, q.begin(readOf("1")))
		time.Sleep(laneStall + 1)
		require.NotNil(t, q.begin(readOf("2")))
		assert.Equal(t, []string{"1", "2"}, keysOf(<-started))

		time.Sleep(laneStall + 1)
		require.NotNil(t, q.begin(readOf("3")))
		q.running.Wait()
		assert.Empty(t, started, "more lanes than there may be")
		assert.Nil(t, q.next(), "more lanes than usual")
		q.end()
		assert.Equal(t, []string{"3"}, keysOf(<-started))
	})
}
