package consumer_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

var errAway = errors.New("the database is away")

// awayFor returns a function that fails for a time.
func awayFor(outage time.Duration) func() error {
	begin := time.Now()
	return func() error {
		if time.Since(begin) < outage {
			return errAway
		}
		return nil
	}
}

func TestRunWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Store = storeWith{Store: f.store, fail: awayFor(time.Hour)}
		f.append(t, "order", 3)
		stop := f.run(t)
		elapse(time.Hour + 11*time.Second)
		stop()
		f.requireHandled(t, 3)
		assert.Contains(t, f.log.String(), errAway.Error())
	})
}

func TestRunWaitsForTheCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Keeper = keeperWith{Keeper: f.target, fail: awayFor(time.Hour)}
		f.append(t, "order", 3)
		stop := f.run(t)
		elapse(time.Hour + 11*time.Second)
		stop()
		f.requireHandled(t, 3)
	})
}

// When the target is away handlers fail, but the events are not to blame.
func TestRunPausesNothingInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "order", 3)
		away := awayFor(0)
		f.config.Keeper = keeperWith{Keeper: f.target, fail: func() error { return away() }}
		f.before = func(context.Context, eventstore.RecordedEvent) error { return away() }
		stop := f.run(t)
		synctest.Wait()

		away = awayFor(time.Hour)
		f.append(t, "order", 3)
		elapse(time.Hour + 11*time.Second)
		stop()
		f.requireHandled(t, 6)
		assert.NotContains(t, f.log.String(), "is paused")
	})
}

func TestRunGoesOnWhenItCannotPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Retry.Attempts = 1
		f.append(t, "order", 1)
		f.failAt(1)
		pauses := 0
		f.config.Keeper = keeperWith{Keeper: f.target, beforePause: func() error {
			pauses++
			if pauses == 1 {
				return errAway
			}
			return nil
		}}
		stop := f.run(t)
		elapse(time.Minute)
		stop()
		assert.Contains(t, f.log.String(), "pause at position 0: the database is away")
		assert.True(t, f.checkpoint(t).Paused)
	})
}

func TestRunForgetsAnOutageThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var outage atomic.Value // as it begins anew while the consumer runs
		outage.Store(awayFor(time.Hour))
		away := func() error { return outage.Load().(func() error)() }
		f.config.Keeper = keeperWith{Keeper: f.target, fail: away}
		f.before = func(context.Context, eventstore.RecordedEvent) error { return away() }
		f.append(t, "order", 1)
		stop := f.run(t)
		elapse(time.Hour + consumer.DefaultMaxBackoff)
		f.requireHandled(t, 1)

		outage.Store(awayFor(time.Millisecond))
		f.append(t, "order", 1)
		elapse(time.Millisecond + consumer.DefaultMinBackoff)
		stop()
		f.requireHandled(t, 2)
	})
}

// Another process applies the event while this one is about to give it up.
func TestRunDoesNotPauseWhatAnotherProcessHasHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Retry.Attempts = 1
		f.append(t, "order", 1)
		f.failAt(1)
		f.config.Keeper = keeperWith{Keeper: f.target, beforePause: func() error {
			f.moveTo(t, 1)
			return nil
		}}
		stop := f.run(t)
		synctest.Wait()
		stop()
		assert.False(t, f.checkpoint(t).Paused)
		assert.Empty(t, f.log.String())
	})
}

func TestRunEndsWhereWaitingIsHopeless(t *testing.T) {
	t.Run("the checkpoint is beyond the head", func(t *testing.T) {
		f := newFixture(t)
		f.moveTo(t, 100)
		require.ErrorIs(t, consumer.New(f.config).CatchUp(t.Context()), eventstore.ErrBeyondHead)
		err := consumer.New(f.config).Run(t.Context())
		require.ErrorIs(t, err, eventstore.ErrBeyondHead)
		require.ErrorContains(t, err, `run projection "sales"`)
	})
	t.Run("the filter is invalid", func(t *testing.T) {
		f := newFixture(t)
		f.config.Filter.Categories = []string{"a-b"}
		require.ErrorIs(t, consumer.New(f.config).Run(t.Context()), eventstore.ErrInvalid)
	})
	t.Run("the store is closed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			done := make(chan error, 1)
			go func() { done <- consumer.New(f.config).Run(t.Context()) }()
			synctest.Wait()
			require.NoError(t, f.store.Close(t.Context()))
			require.ErrorIs(t, <-done, eventstore.ErrClosed)
		})
	})
	t.Run("the store is closed under a handler", func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "order", 1)
		f.before = func(ctx context.Context, _ eventstore.RecordedEvent) error {
			require.NoError(t, f.store.Close(ctx))
			_, err := f.store.Head(ctx)
			return err
		}
		require.ErrorIs(t, consumer.New(f.config).Run(t.Context()), eventstore.ErrClosed)
		assert.False(t, f.checkpoint(t).Paused)
	})
}

// The acknowledgement of every move is lost.
func TestRunLearnsThatALostMoveWasMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Handle = func(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
			return errors.Join(f.handle(ctx, move, events), errAway)
		}
		f.append(t, "order", 10)
		stop := f.run(t)
		synctest.Wait()
		f.append(t, "order", 10)
		synctest.Wait()
		stop()
		f.requireHandled(t, 20)
		assert.EqualValues(t, 2, f.calls.Load())
	})
}

func TestRunAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, bad := newFixture(t), newFixture(t)
		bad.config.Filter.Categories = []string{"a-b"}
		err := consumer.RunAll(t.Context(), consumer.New(good.config), consumer.New(bad.config))
		require.ErrorIs(t, err, eventstore.ErrInvalid)

		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- consumer.RunAll(ctx, consumer.New(good.config), consumer.New(good.config)) }()
		synctest.Wait()
		good.append(t, "order", 3)
		synctest.Wait()
		cancel()
		require.NoError(t, <-done)
		good.requireHandled(t, 3)
	})
}

func TestRunGivesItsPartitionsBackThoughAConnectionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Partitions = 2
		stopping, failures := false, 0
		f.config.Keeper = keeperWith{Keeper: f.target, fail: func() error {
			if stopping && failures < 2 {
				failures++
				return errAway
			}
			return nil
		}}
		stop := f.run(t)
		elapse(time.Second)
		require.NotContains(t, f.owners(t), "")

		stopping = true
		stop()
		assert.Equal(t, map[string]int{"": 2}, f.owners(t))
		assert.Equal(t, 2, failures)
	})
}
