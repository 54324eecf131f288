package consumer_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

func TestCatchUp(t *testing.T) {
	f := newFixture(t)
	runner := consumer.New(f.config)
	require.NoError(t, runner.CatchUp(t.Context()), "of an empty store")
	f.append(t, "order", 5)
	f.append(t, "customer", 2)
	require.NoError(t, runner.CatchUp(t.Context()))
	f.requireHandled(t, 5)
	assert.Equal(t, eventstore.Position(7), f.checkpoint(t).Position)
	require.NoError(t, runner.CatchUp(t.Context()), "where there is nothing to do")
	f.requireHandled(t, 5)
}

func TestCatchUpLeavesFailuresToItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "order", 10)
		f.failAt(7)
		begin := time.Now()
		err := consumer.New(f.config).CatchUp(t.Context())
		require.ErrorIs(t, err, errPoison)
		require.ErrorContains(t, err, `catch up projection "sales": event "happened" at version 7 of stream "order-1"`)
		assert.Equal(t, begin, time.Now(), "it does not wait")
		f.requireHandled(t, 6)
		assert.False(t, f.checkpoint(t).Paused, "it does not pause")

		f.failAt(0)
		require.NoError(t, consumer.New(f.config).CatchUp(t.Context()))
		f.requireHandled(t, 10)
	})
}

func TestCatchUpOfAPausedConsumer(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.target.Define(t.Context(), id, f.config.Definition))
	require.NoError(t, f.target.Pause(t.Context(), f.checkpoint(t), "maintenance"))
	err := consumer.New(f.config).CatchUp(t.Context())
	require.ErrorIs(t, err, eventstore.ErrPaused)
	require.ErrorContains(t, err, "maintenance")
}

func TestCatchUpReturnsTheErrorsOfTheStore(t *testing.T) {
	f := newFixture(t)
	f.config.Store = storeWith{Store: f.store, fail: func() error { return errAway }}
	require.ErrorIs(t, consumer.New(f.config).CatchUp(t.Context()), errAway)
	f.config.Keeper = keeperWith{Keeper: f.target, fail: func() error { return errAway }}
	require.ErrorIs(t, consumer.New(f.config).CatchUp(t.Context()), errAway)
}

func TestCatchUpEndsWithItsContext(t *testing.T) {
	f := newFixture(t)
	f.append(t, "order", 1)
	ctx, cancel := context.WithCancel(t.Context())
	f.before = func(ctx context.Context, _ eventstore.RecordedEvent) error {
		cancel()
		return ctx.Err()
	}
	require.ErrorIs(t, consumer.New(f.config).CatchUp(ctx), context.Canceled)
}

func TestManyAtOnceHandleEachEventOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var stops []func()
		for range 3 {
			stops = append(stops, f.run(t))
		}
		var working sync.WaitGroup
		for range 4 {
			working.Go(func() {
				for range 50 {
					f.append(t, "order", 3)
					assert.NoError(t, consumer.New(f.config).CatchUp(t.Context()))
				}
			})
		}
		working.Wait()
		for _, stop := range stops {
			stop()
		}
		f.requireHandled(t, 600)
		assert.False(t, f.checkpoint(t).Paused)
		assert.Empty(t, f.log.String())
	})
}

func TestDelay(t *testing.T) {
	retry := consumer.Retry{MinBackoff: time.Second, MaxBackoff: 5 * time.Second}
	for i, most := range []float64{1, 2, 4, 5, 5} {
		for range 100 {
			delay := retry.Delay(i + 1).Seconds()
			require.LessOrEqual(t, delay, most)
			require.GreaterOrEqual(t, delay, most/2)
		}
	}
	require.Positive(t, consumer.Retry{}.WithDefaults().Delay(1<<30), "many failures")
}
