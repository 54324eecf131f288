package pgstore

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/eventstore"
)

// looksWithin returns how often it is looked for one who waits so long in vain.
func looksWithin(t *testing.T, every, waited time.Duration) int {
	t.Helper()
	s := &sights{}
	ctx, stop := context.WithTimeout(t.Context(), waited)
	defer stop()
	_, err := newLookout(s.look).await(ctx, watched, every, isAt(7))
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	return int(s.looks.Load())
}

func TestWhoWaitsLongIsLookedForLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		assert.InDelta(t, 8, looksWithin(t, minLookInterval, 16*time.Millisecond), 1, "a short wait")
		assert.LessOrEqual(t, looksWithin(t, minLookInterval, time.Second), 50)
		assert.InDelta(t, 47+4*58, looksWithin(t, minLookInterval, time.Minute), 10)
		assert.InDelta(t, 240, looksWithin(t, maxLookInterval, time.Minute), 1)
		assert.InDelta(t, 6, looksWithin(t, 10*time.Second, time.Minute), 1)
	})
}

// What others have moved is seen an eighth of the wait later at most.
func TestALookIsAnEighthLateAtMost(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{
		3 * time.Millisecond, 15 * time.Millisecond, 99 * time.Millisecond, 777 * time.Millisecond, 5 * time.Second, time.Minute,
	} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &sights{}
				begun := time.Now()
				time.AfterFunc(after, func() { s.position.Store(7) })
				_, err := newLookout(s.look).await(t.Context(), watched, 0, isAt(7))
				assert.NoError(t, err)
				late := max(minLookInterval, min(after/waitedPerLook, maxLookInterval))
				assert.LessOrEqual(t, time.Since(begun), after+late)
			})
		})
	}
}

// Who waits impatiently for one consumer has no other looked at as often.
func TestALookIsForThoseWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sights{}
		l := newLookout(s.look)
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		var waiting sync.WaitGroup
		large := eventstore.ConsumerID{Name: "large", Version: 1}
		waiting.Go(func() { _, _ = l.await(ctx, large, maxLookInterval, isAt(7)) })
		for ctx.Err() == nil {
			short, stop := context.WithTimeout(ctx, 10*time.Millisecond)
			_, _ = l.await(short, watched, minLookInterval, isAt(7))
			stop()
		}
		waiting.Wait()
		assert.Greater(t, s.looksFor(watched), 4000)
		assert.LessOrEqual(t, s.looksFor(large), 81, "no more than twice as often as it was asked for")
	})
}

// Many consumers that began to be watched at different times are soon looked at together.
func TestLooksForManyFallTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sights{}
		l := newLookout(s.look)
		ctx, stop := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for number := range 100 {
			waiting.Go(func() {
				consumer := eventstore.ConsumerID{Name: fmt.Sprint(number), Version: 1}
				_, _ = l.await(ctx, consumer, maxLookInterval, isAt(7))
			})
			time.Sleep(3 * time.Millisecond)
		}
		time.Sleep(time.Second)
		before := s.looks.Load()
		time.Sleep(10 * time.Second)
		assert.InDelta(t, 40, s.looks.Load()-before, 2)
		stop()
		waiting.Wait()
	})
}
