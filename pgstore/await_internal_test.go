package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// sights is what a lookout of a test looks at: every consumer is where position is.
type sights struct {
	position atomic.Int64
	looks    atomic.Int64
	looking  atomic.Int64  // how many are under way
	takes    time.Duration // how long a look takes
	mu       sync.Mutex
	fail     error
	of       map[eventstore.ConsumerID]int // looks by consumer
}

func (s *sights) look(ctx context.Context, consumers []eventstore.ConsumerID) (checkpointsOf, error) {
	s.looks.Add(1)
	s.looking.Add(1)
	defer s.looking.Add(-1)
	position := eventstore.Position(s.position.Load())
	if err := sleep(ctx, s.takes); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	seen := make(checkpointsOf)
	for _, consumer := range consumers {
		if s.of == nil {
			s.of = make(map[eventstore.ConsumerID]int)
		}
		s.of[consumer]++
		seen[consumer] = []eventstore.Checkpoint{{Consumer: consumer, Position: position}}
	}
	return seen, nil
}

func (s *sights) looksFor(consumer eventstore.ConsumerID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[consumer]
}

func (s *sights) setFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func isAt(position eventstore.Position) func([]eventstore.Checkpoint) bool {
	return func(seen []eventstore.Checkpoint) bool { return seen[0].Position >= position }
}

var watched = eventstore.ConsumerID{Name: "sales", Version: 1}

func TestALookServesAllWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sights{takes: time.Millisecond}
		l := newLookout(s.look)
		var waiting sync.WaitGroup
		for number := range 1000 {
			waiting.Go(func() {
				consumer := eventstore.ConsumerID{Name: fmt.Sprint(number % 10), Version: 1}
				seen, err := l.await(t.Context(), consumer, time.Second, isAt(7))
				assert.NoError(t, err)
				assert.Equal(t, []eventstore.Checkpoint{{Consumer: consumer, Position: 7}}, seen)
			})
		}
		time.Sleep(10*time.Second + 500*time.Millisecond)
		assert.LessOrEqual(t, s.looks.Load(), int64(13), "one for each second, and one or two at the beginning")
		s.position.Store(7)
		begun := time.Now()
		l.nudge(watched) // nobody waits for that
		time.Sleep(10 * time.Millisecond)
		assert.LessOrEqual(t, s.looks.Load(), int64(13))
		l.nudge(watched, eventstore.ConsumerID{Name: "3", Version: 1})
		waiting.Wait()
		assert.Less(t, time.Since(begun), 20*time.Millisecond)
		assert.Empty(t, l.awaited)
		assert.Nil(t, l.leader)
	})
}

func TestNudgesAreNotFollowedTooOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sights{}
		l := newLookout(s.look)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		var waiting sync.WaitGroup
		waiting.Go(func() {
			_, err := l.await(ctx, watched, time.Hour, isAt(7))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		for ctx.Err() == nil {
			l.nudge(watched)
			time.Sleep(10 * time.Microsecond)
		}
		waiting.Wait()
		assert.InDelta(t, time.Second/minLookInterval, s.looks.Load(), 3)
	})
}

// What is committed before a wait begins is seen at once, also when a look is under way that cannot see it.
func TestALookThatBeganBeforeIsNotForWhoCameLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sights{takes: 100 * time.Millisecond}
		l := newLookout(s.look)
		ctx, stop := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		waiting.Go(func() { _, _ = l.await(ctx, watched, time.Hour, isAt(7)) })
		time.Sleep(50 * time.Millisecond) // in the middle of the first look
		s.position.Store(5)
		begun := time.Now()
		seen, err := l.await(t.Context(), watched, time.Hour, func(seen []eventstore.Checkpoint) bool {
			assert.EqualValues(t, 5, seen[0].Position)
			return true
		})
		require.NoError(t, err)
		assert.EqualValues(t, 5, seen[0].Position)
		assert.LessOrEqual(t, time.Since(begun), 160*time.Millisecond)
		stop()
		waiting.Wait()
	})
}

func TestWhoLeadsHandsTheLeadOn(t *testing.T) {
	t.Parallel()
	for name, takes := range map[string]time.Duration{"while it rests": 0, "while it looks": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &sights{takes: takes}
				l := newLookout(s.look)
				var waiting sync.WaitGroup
				stops := make([]context.CancelFunc, 5)
				for i := range stops {
					ctx, stop := context.WithCancel(t.Context())
					stops[i] = stop
					waiting.Go(func() {
						_, err := l.await(ctx, watched, time.Hour, isAt(7))
						assert.ErrorIs(t, err, context.Canceled)
					})
					synctest.Wait() // so that they come one by one
				}
				told := make(chan time.Time, 1)
				waiting.Go(func() {
					_, err := l.await(t.Context(), watched, time.Hour, isAt(7))
					assert.NoError(t, err)
					told <- time.Now()
				})
				synctest.Wait()
				for _, stop := range stops {
					stop()
					synctest.Wait()
					time.Sleep(minLookInterval)
					synctest.Wait()
					if takes > 0 {
						assert.EqualValues(t, 1, s.looking.Load(), "a look that was broken off is made again")
					}
				}
				s.position.Store(7)
				begun := time.Now()
				l.nudge(watched)
				waiting.Wait()
				assert.LessOrEqual(t, (<-told).Sub(begun), 2*takes+minLookInterval)
			})
		})
	}
}

func TestAFailedLookIsToldToAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sights{}
		s.position.Store(3)
		l := newLookout(s.look)
		away := errors.New("the database is away")
		var waiting sync.WaitGroup
		for range 10 {
			waiting.Go(func() {
				seen, err := l.await(t.Context(), watched, time.Second, isAt(7))
				assert.ErrorIs(t, err, away)
				require.Len(t, seen, 1)
				assert.EqualValues(t, 3, seen[0].Position)
			})
		}
		time.Sleep(1500 * time.Millisecond)
		s.setFail(away)
		waiting.Wait()
		s.setFail(nil)
		seen, err := l.await(t.Context(), watched, time.Second, isAt(3))
		require.NoError(t, err)
		assert.Len(t, seen, 1)
	})
}

func TestAnEndedContextSeesNothing(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	s := &sights{}
	seen, err := newLookout(s.look).await(ctx, watched, time.Second, isAt(0))
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, seen)
	assert.Zero(t, s.looks.Load())
}

// Done is not called once await has returned, nor by two goroutines at a time, whatever happens.
func TestDoneIsCalledByOneAtATime(t *testing.T) {
	t.Parallel()
	s := &sights{}
	l := newLookout(s.look)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			s.position.Add(1)
			l.nudge(watched)
			if rand.N(50) == 0 {
				s.setFail(errors.New("the database is away"))
			} else {
				s.setFail(nil)
			}
			_ = sleep(ctx, 100*time.Microsecond)
		}
	})
	for range 100 {
		running.Go(func() {
			for ctx.Err() == nil {
				waitSome(ctx, t, l, s)
			}
		})
	}
	running.Wait()
	assert.Empty(t, l.awaited)
	assert.Nil(t, l.leader)
}

func waitSome(ctx context.Context, t *testing.T, l *lookout, s *sights) {
	t.Helper()
	own, stop := context.WithTimeout(ctx, rand.N(20*time.Millisecond))
	defer stop()
	calls := 0 // the race detector finds who touches it without an order
	goal := eventstore.Position(s.position.Load() + rand.Int64N(100))
	seen, err := l.await(own, watched, rand.N(10*time.Millisecond), func(seen []eventstore.Checkpoint) bool {
		calls++
		return seen[0].Position >= goal
	})
	after := calls
	if err == nil {
		assert.GreaterOrEqual(t, seen[0].Position, goal)
	}
	calls++
	assert.Equal(t, after+1, calls)
}
