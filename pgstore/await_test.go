package pgstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

func reached(partition int, position eventstore.Position) func([]eventstore.Checkpoint) bool {
	return func(seen []eventstore.Checkpoint) bool {
		return len(seen) > partition && seen[partition].Position >= position
	}
}

// What this very target changes is seen without waiting for the time of a look; what another does, then.
func TestAwaitSeesChanges(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	c := consumers(t, pgstore.NewTarget(newPool(t, url), nil))
	other := consumers(t, pgstore.NewTarget(newPool(t, url), nil))
	c.define(sales, 2)
	seenByOther := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		defer close(seenByOther)
		_, err := other.target.Await(t.Context(), sales, 20*time.Millisecond, reached(1, 7))
		assert.NoError(t, err)
	})
	paused := func(seen []eventstore.Checkpoint) bool { return seen[0].Paused }
	owned := func(seen []eventstore.Checkpoint) bool { return seen[0].Owner == "one" }
	halted := func(seen []eventstore.Checkpoint) bool { return seen[0].StopAt == 7 }
	more := func(seen []eventstore.Checkpoint) bool { return len(seen) == 3 }
	for _, change := range []struct {
		done func([]eventstore.Checkpoint) bool
		make func()
	}{
		{reached(1, 7), func() { c.advance(sales, 1, 7) }},
		{reached(0, 7), func() { assert.NoError(t, c.target.Advance(t.Context(), c.leaving(sales, 0, 7), nil)) }},
		{owned, func() { c.give(sales, "one", time.Hour) }},
		{paused, func() { assert.NoError(t, c.target.Pause(t.Context(), c.checkpoints(sales)[0], "poison")) }},
		{func(seen []eventstore.Checkpoint) bool { return !paused(seen) }, func() {
			assert.NoError(t, c.target.Resume(t.Context(), sales))
		}},
		{halted, func() {
			_, err := c.target.Halt(t.Context(), time.Hour, sales)
			assert.NoError(t, err)
		}},
		{more, func() { assert.NoError(t, c.target.Repartition(t.Context(), sales, 3)) }},
	} {
		first := make(chan struct{})
		var once sync.Once
		waiting.Go(func() {
			_, err := c.target.Await(t.Context(), eventstore.ConsumerID{Name: "sales"}, noPolling,
				func(seen []eventstore.Checkpoint) bool {
					defer once.Do(func() { close(first) })
					return change.done(seen)
				})
			assert.NoError(t, err)
		})
		<-first
		change.make()
	}
	waiting.Wait()
	<-seenByOther
}

// However many partitions there are and however often they move, who watches them in the same process has none of them
// read for that.
func TestAwaitHasNothingReadForOwnMoves(t *testing.T) {
	t.Parallel()
	pool, trips := counted(t, migrated.Database(t))
	c := consumers(t, pgstore.NewTarget(pool, nil))
	c.define(sales, 3)
	looked := make(chan struct{})
	var once sync.Once
	var waiting sync.WaitGroup
	var seen []eventstore.Checkpoint
	waiting.Go(func() {
		var err error
		seen, err = c.target.Await(t.Context(), sales, noPolling, func(seen []eventstore.Checkpoint) bool {
			once.Do(func() { close(looked) })
			return seen[2].Position == 7
		})
		assert.NoError(t, err)
	})
	<-looked
	at := c.checkpoints(sales)
	trips.take()
	step := func(partition int) eventstore.Move {
		return eventstore.Move{
			Consumer: sales, Partition: partition, Epoch: at[partition].Epoch, To: 5, Events: 3, IdleTimeout: time.Hour,
		}
	}
	parking := step(1)
	parking.Park = []eventstore.Parked{{Stream: order42, Version: 1, Position: 4, Type: addedType}}
	require.NoError(t, c.target.Advance(t.Context(), step(0), nothing))
	require.NoError(t, c.target.Advance(t.Context(), parking, nothing))
	require.NoError(t, c.target.Advance(t.Context(), step(2), nil))
	last := step(2)
	last.From, last.To = 5, 7
	require.NoError(t, c.target.Advance(t.Context(), last, nil))
	waiting.Wait()
	_, queries := trips.take()
	assert.EqualValues(t, 2, queries, "a COMMIT for each move with work")
	assert.Equal(t, c.checkpoints(sales), seen)
}

// That a lease has run out is seen, too, though nobody has changed anything.
func TestAwaitSeesThatALeaseHasRunOut(t *testing.T) {
	t.Parallel()
	c := consumers(t, pgstore.NewTarget(newPool(t, migrated.Database(t)), nil))
	c.define(sales, 1)
	c.give(sales, "one", 300*time.Millisecond)
	assert.Equal(t, "one", c.checkpoints(sales)[0].Owner)
	_, err := c.target.Await(t.Context(), sales, 10*time.Millisecond, func(seen []eventstore.Checkpoint) bool {
		return seen[0].Owner == ""
	})
	require.NoError(t, err)
}

// A thousand who wait cost about what one does.
func TestManyAwaitTogether(t *testing.T) {
	t.Parallel()
	pool, trips := counted(t, migrated.Database(t))
	c := consumers(t, pgstore.NewTarget(pool, nil))
	c.define(sales, 1)
	undefined := eventstore.ConsumerID{Name: "other", Version: 1}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var joined, waiting, ends sync.WaitGroup
	joined.Add(1000)
	for number := range 1000 {
		goal := eventstore.Position(1 + number%5)
		var once sync.Once
		waiting.Go(func() {
			_, err := c.target.Await(t.Context(), sales, noPolling, func(seen []eventstore.Checkpoint) bool {
				once.Do(joined.Done)
				return seen[0].Position >= goal
			})
			assert.NoError(t, err)
		})
	}
	ends.Go(func() {
		seen, err := c.target.Await(ctx, undefined, noPolling, func(seen []eventstore.Checkpoint) bool { return len(seen) > 0 })
		assert.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, seen)
	})
	joined.Wait()
	trips.take()
	for position := range eventstore.Position(5) {
		c.advance(sales, 0, position+1)
	}
	waiting.Wait()
	_, queries := trips.take()
	assert.LessOrEqual(t, queries, int64(13), "five moves of two queries each, and looks for the one who came last")
	stop()
	ends.Wait()
}

func TestAwaitTellsThatTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	pool := newPool(t, migrated.Database(t))
	c := consumers(t, pgstore.NewTarget(pool, nil))
	c.define(sales, 1)
	var closing sync.WaitGroup
	var once sync.Once
	seen, err := c.target.Await(t.Context(), sales, 5*time.Millisecond, func([]eventstore.Checkpoint) bool {
		once.Do(func() { closing.Go(pool.Close) })
		return false
	})
	closing.Wait()
	require.ErrorContains(t, err, `await the checkpoints of consumer "sales"`)
	require.Len(t, seen, 1)
}
