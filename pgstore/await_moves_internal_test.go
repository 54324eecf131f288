package pgstore

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// step is a move of the consumer that is watched, in epoch 0, that has handled one event.
func step(from, to eventstore.Position) madeMove {
	made := newMadeMove(eventstore.Move{Consumer: watched, From: from, To: to, Events: 1})
	made.at = time.Unix(int64(to), 0)
	return made
}

func TestMovesAreToldWithoutALook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sights{}
		l := newLookout(s.look)
		var waiting sync.WaitGroup
		var calls int
		waiting.Go(func() {
			seen, err := l.await(t.Context(), watched, time.Hour, func(seen []eventstore.Checkpoint) bool {
				calls++
				return seen[0].Position >= 100
			})
			assert.NoError(t, err)
			want := eventstore.Checkpoint{Consumer: watched, Position: 100, Handled: 100, UpdatedAt: time.Unix(100, 0)}
			assert.Equal(t, []eventstore.Checkpoint{want}, seen)
		})
		synctest.Wait()
		for position := range eventstore.Position(100) {
			l.moved(step(position, position+1))
			time.Sleep(time.Millisecond)
		}
		waiting.Wait()
		assert.EqualValues(t, 1, s.looks.Load())
		assert.InDelta(t, 51, calls, 2, "not more often than each 2 milliseconds")
	})
}

// What is known of a move is what was before it: others may have been there.
func TestAMoveThatCannotBePlacedHasALook(t *testing.T) {
	t.Parallel()
	another := step(0, 1)
	another.Partition = 1
	for name, made := range map[string]madeMove{
		"from beyond":      step(3, 4),
		"nowhere":          step(0, 0),
		"of a new one":     another,
		"of another epoch": newMadeMove(eventstore.Move{Consumer: watched, Epoch: 1, To: 1}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &sights{}
				l := newLookout(s.look)
				ctx, stop := context.WithCancel(t.Context())
				var waiting sync.WaitGroup
				waiting.Go(func() {
					seen, err := l.await(ctx, watched, time.Hour, isAt(7))
					assert.ErrorIs(t, err, context.Canceled)
					require.Len(t, seen, 1)
					assert.EqualValues(t, 5, seen[0].Position)
				})
				synctest.Wait()
				s.position.Store(5)
				l.moved(made)
				time.Sleep(minLookInterval)
				synctest.Wait()
				assert.EqualValues(t, 2, s.looks.Load())
				stop()
				waiting.Wait()
			})
		})
	}
}

func TestMovesStandToWhatWasSeen(t *testing.T) {
	t.Parallel()
	parking := func(from, to eventstore.Position) madeMove {
		return newMadeMove(eventstore.Move{
			Consumer: watched, Epoch: 3, From: from, To: to, Park: make([]eventstore.Parked, 1),
		})
	}
	plain := func(epoch int64, from, to eventstore.Position) madeMove {
		return newMadeMove(eventstore.Move{Consumer: watched, Epoch: epoch, From: from, To: to})
	}
	for _, c := range []struct {
		what string
		made madeMove
		want relation
	}{
		{"next", plain(3, 5, 7), isNext},
		{"next, and begins an epoch", parking(5, 7), isNext},
		{"nowhere, and begins an epoch", parking(5, 5), isNext},
		{"made before", plain(3, 3, 5), isKnown},
		{"made before, in an epoch that has ended", plain(2, 5, 7), isKnown},
		{"after another", plain(3, 6, 7), isUnclear},
		{"nowhere", plain(3, 5, 5), isUnclear},
		{"in an epoch that is not known", plain(4, 5, 7), isUnclear},
	} {
		seen := []eventstore.Checkpoint{{Consumer: watched, Epoch: 3, Position: 5}}
		assert.Equal(t, c.want, c.made.relationTo(seen), c.what)
	}
	foreign := []eventstore.Checkpoint{{Consumer: eventstore.ConsumerID{Name: "sales", Version: 2}, Epoch: 3, Position: 5}}
	assert.Equal(t, isUnclear, plain(3, 5, 7).relationTo(foreign))
	assert.Equal(t, isUnclear, plain(3, 5, 7).relationTo(nil))
}

// A look that is under way may see a move that is made meanwhile or not. It counts once.
func TestAMoveDuringALookCountsOnce(t *testing.T) {
	t.Parallel()
	for _, position := range []int64{0, 1} {
		t.Run(fmt.Sprintf("seen at %d", position), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &sights{takes: 100 * time.Millisecond}
				l := newLookout(s.look)
				s.position.Store(position)
				var waiting sync.WaitGroup
				waiting.Go(func() {
					seen, err := l.await(t.Context(), watched, time.Hour, isAt(1))
					assert.NoError(t, err)
					require.Len(t, seen, 1)
					assert.EqualValues(t, 1, seen[0].Position)
					assert.Equal(t, 1-position, seen[0].Handled)
				})
				time.Sleep(50 * time.Millisecond)
				l.moved(step(0, 1))
				waiting.Wait()
				assert.EqualValues(t, 1, s.looks.Load())
			})
		})
	}
}

// Who has come since the last look is not told of moves since then, as others may have moved before it came.
func TestWhoComesIsToldOfALookFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sights{takes: 100 * time.Millisecond}
		l := newLookout(s.look)
		ctx, stop := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		waiting.Go(func() { _, _ = l.await(ctx, watched, time.Hour, isAt(100)) })
		time.Sleep(110 * time.Millisecond)
		other := eventstore.ConsumerID{Name: "other", Version: 1}
		waiting.Go(func() { _, _ = l.await(ctx, other, time.Hour, isAt(100)) })
		time.Sleep(50 * time.Millisecond) // in the middle of a look for the other
		s.position.Store(9)
		l.moved(step(0, 1))
		seen, err := l.await(t.Context(), watched, time.Hour, func([]eventstore.Checkpoint) bool { return true })
		require.NoError(t, err)
		assert.EqualValues(t, 9, seen[0].Position)
		stop()
		waiting.Wait()
	})
}

// The live version is awaited under an ID of its own.
func TestMovesOfOtherVersionsAreNotToldOfTheLiveOne(t *testing.T) {
	t.Parallel()
	second := eventstore.ConsumerID{Name: watched.Name, Version: 2}
	for version, consumer := range map[int]eventstore.ConsumerID{1: watched, 2: second} {
		synctest.Test(t, func(t *testing.T) {
			looks := 0
			live := eventstore.ConsumerID{Name: watched.Name}
			l := newLookout(func(context.Context, []eventstore.ConsumerID) (checkpointsOf, error) {
				looks++
				return checkpointsOf{live: {{Consumer: second}}}, nil
			})
			ctx, stop := context.WithCancel(t.Context())
			var waiting sync.WaitGroup
			var seen []eventstore.Checkpoint
			waiting.Go(func() { seen, _ = l.await(ctx, live, time.Hour, isAt(7)) })
			synctest.Wait()
			l.moved(newMadeMove(eventstore.Move{Consumer: consumer, To: 5}))
			time.Sleep(minLookInterval)
			synctest.Wait()
			stop()
			waiting.Wait()
			assert.Equal(t, 1, looks)
			assert.EqualValues(t, 5*(version-1), seen[0].Position)
		})
	}
}
