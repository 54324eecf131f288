package pgstore

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// callTo is an append of a number of events to each of some streams.
func callTo(t *testing.T, events int, keys ...string) *call {
	t.Helper()
	var writes []eventstore.Write
	for _, key := range keys {
		write := eventstore.Write{Stream: eventstore.StreamID{Category: "order", Key: key}}
		for range events {
			write.Events = append(write.Events, eventstore.EventData{Type: "x", Data: []byte(`{}`)})
		}
		writes = append(writes, write)
	}
	prepared, err := eventstore.Prepare(context.Background(), writes)
	require.NoError(t, err)
	c, err := newCall(prepared)
	require.NoError(t, err)
	return c
}

// idleQueue is a queue whose lanes are played by the test.
func idleQueue(maxLanes, maxCalls int) *queue { return newQueue(maxLanes, maxCalls, func() {}) }

func add(q *queue, calls ...*call) {
	for _, c := range calls {
		q.add(c)
	}
}

func TestABatchIsAllThatWaits(t *testing.T) {
	q := idleQueue(1, 100)
	a, b, c := callTo(t, 1, "1"), callTo(t, 2, "2", "3"), callTo(t, 1, "1")
	add(q, a, b, c)
	assert.Equal(t, []*call{a, b, c}, q.next().calls)
	assert.Nil(t, q.next())
}

func TestABatchIsLimited(t *testing.T) {
	q := idleQueue(1, 100)
	small, large, other := callTo(t, 1, "1"), callTo(t, maxBatchEvents, "2"), callTo(t, 1, "3")
	add(q, small, large, other)
	assert.Equal(t, []*call{small}, q.next().calls)
	assert.Equal(t, []*call{large}, q.next().calls)
	assert.Equal(t, []*call{other}, q.next().calls)
}

func TestAStreamIsInOneBatchAtATime(t *testing.T) {
	q := idleQueue(3, 100)
	first, second, both, third := callTo(t, 1, "1"), callTo(t, 1, "1"), callTo(t, 1, "2", "1"), callTo(t, 1, "3")
	add(q, first)
	batch := q.next()
	add(q, second, both, third)
	assert.Equal(t, []*call{third}, q.next().calls)
	assert.Nil(t, q.next())

	q.finish(batch, nil)
	assert.Equal(t, []*call{second, both}, q.next().calls)
}

func TestUndecidedCallsGoFirst(t *testing.T) {
	q := idleQueue(1, 100)
	undecided, parked, later := callTo(t, 1, "1"), callTo(t, 1, "1"), callTo(t, 1, "2")
	add(q, undecided)
	batch := q.next()
	add(q, parked)
	assert.Nil(t, q.next())
	add(q, later)
	q.finish(batch, []*call{undecided})
	assert.Equal(t, []*call{undecided, parked, later}, q.next().calls)
}

func TestACallThatIsToGoAloneDoes(t *testing.T) {
	q := idleQueue(1, 100)
	before, alone, after := callTo(t, 1, "1"), callTo(t, 1, "2"), callTo(t, 1, "3")
	alone.alone = true
	add(q, before, alone, after)
	assert.Equal(t, []*call{before}, q.next().calls)
	assert.Equal(t, []*call{alone}, q.next().calls)
	assert.Equal(t, []*call{after}, q.next().calls)
}

// While a call that may take long is in one lane, another lane is left to the others.
func TestCallsThatGoAloneDoNotTakeAllLanes(t *testing.T) {
	q := idleQueue(2, 100)
	first, second, other := callTo(t, 1, "1"), callTo(t, 1, "2"), callTo(t, 1, "3")
	first.alone, second.alone = true, true
	add(q, first, second, other)
	batch := q.next()
	assert.Equal(t, []*call{first}, batch.calls)
	assert.Equal(t, []*call{other}, q.next().calls)
	assert.Nil(t, q.next())
	q.finish(batch, nil)
	assert.Equal(t, []*call{second}, q.next().calls)
}

// A call that names two busy streams is not passed by others for ever.
func TestACallToTwoBusyStreamsIsTaken(t *testing.T) {
	q := idleQueue(2, 1000)
	both := callTo(t, 1, "a", "b")
	add(q, callTo(t, 1, "a"), callTo(t, maxBatchEvents, "b"))
	inFlight := []*batch{q.next(), q.next()}
	add(q, both)
	for range 10 * maxPassed {
		add(q, callTo(t, 1, "a"), callTo(t, maxBatchEvents, "b"))
		q.finish(inFlight[0], nil)
		inFlight = inFlight[1:]
		for b := q.next(); b != nil; b = q.next() {
			inFlight = append(inFlight, b)
			if b.calls[0] == both {
				return
			}
		}
	}
	t.Fatal("it was not taken")
}

// A stream whose batch waits for something else does not make the queue wait for it.
func TestALongHoldStopsNobody(t *testing.T) {
	q := idleQueue(2, 100)
	holder, waiting, other := callTo(t, 1, "1"), callTo(t, 1, "1"), callTo(t, 1, "2")
	add(q, holder)
	q.holdOn(q.next())
	waiting.passed = maxPassed
	add(q, waiting, other)
	assert.Equal(t, []*call{other}, q.next().calls)
}

func TestACallThatIsLeftIsNotSent(t *testing.T) {
	q := idleQueue(2, 100)
	waiting, parked, taken, staying := callTo(t, 1, "1"), callTo(t, 1, "2"), callTo(t, 1, "2"), callTo(t, 1, "3")
	add(q, taken, staying)
	batch := q.next()
	add(q, parked)
	assert.Nil(t, q.next())
	add(q, waiting)

	for _, c := range []*call{waiting, parked, taken} {
		assert.True(t, q.withdraw(c), "it was not sent")
	}
	require.NoError(t, batch.ctx.Err())
	assert.Equal(t, []*call{staying}, q.send(batch))
	assert.False(t, q.withdraw(staying), "it may be in the database")
	q.abandon(staying)
	require.Error(t, batch.ctx.Err(), "nobody waits for the batch")
	q.finish(batch, []*call{staying})
	assert.Nil(t, q.next())
	assert.Empty(t, q.held)
}

func TestTheQueueIsBounded(t *testing.T) {
	q := idleQueue(1, 1)
	require.NoError(t, q.enter(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, q.enter(ctx), context.Canceled)
	q.exit()
	require.NoError(t, q.enter(t.Context()))
}

func TestLanesEndWhenThereIsNothingToDo(t *testing.T) {
	var lanes atomic.Int32
	q := newQueue(2, 100, func() { lanes.Add(1) })
	add(q, callTo(t, 1, "1"), callTo(t, 1, "2"), callTo(t, 1, "3"))
	q.running.Wait()
	assert.EqualValues(t, 2, lanes.Load())
	assert.Len(t, q.next().calls, 3)
	assert.Nil(t, q.next())
	assert.Nil(t, q.next())
	assert.Zero(t, q.lanes)
}
