package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

func TestRunHandsOnOldAndNewEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "order", 3)
		stop := f.run(t)
		synctest.Wait()
		f.append(t, "order", 2)
		synctest.Wait()
		f.requireHandled(t, 5)
		stop()
		assert.Equal(t, eventstore.Position(5), f.checkpoint(t).Position)
	})
}

func TestRunMovesPastEventsThatAreNotSelected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "customer", 3)
		stop := f.run(t)
		synctest.Wait()
		assert.Equal(t, eventstore.Position(3), f.checkpoint(t).Position)
		f.append(t, "customer", 1)
		elapse(time.Second) // such moves are made less often
		assert.Equal(t, eventstore.Position(4), f.checkpoint(t).Position)
		stop()
		assert.Zero(t, f.handled.Len())
	})
}

func TestRunCommitsAllBeforeTheEventThatFails(t *testing.T) {
	for _, poison := range []eventstore.Position{1, 2, 37, 99, 100} {
		t.Run(fmt.Sprint("position ", poison), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.config.Retry.Attempts = 3
				f.append(t, "order", 100)
				f.failAt(poison)
				stop := f.run(t)
				defer stop()
				elapse(time.Minute)
				f.requireHandled(t, poison-1)

				checkpoint := f.checkpoint(t)
				assert.Equal(t, poison-1, checkpoint.Position)
				assert.True(t, checkpoint.Paused)
				want := fmt.Sprintf(`event "happened" at version %d of stream "order-1", position %d: `, poison, poison)
				assert.Contains(t, checkpoint.Reason, want)
				assert.Contains(t, checkpoint.Reason, errPoison.Error())
				assert.LessOrEqual(t, f.calls.Load(), int64(2*7+3), "halving takes a logarithm of calls")
			})
		})
	}
}

func TestRunBacksOffBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Retry = consumer.Retry{Attempts: 5, MinBackoff: time.Second, MaxBackoff: 3 * time.Second}
		f.append(t, "order", 1)
		var tries []time.Time
		f.before = func(context.Context, eventstore.RecordedEvent) error {
			tries = append(tries, time.Now())
			return errPoison
		}
		stop := f.run(t)
		elapse(time.Minute)
		stop()

		require.Len(t, tries, 5)
		for i, most := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
			delay := tries[i+1].Sub(tries[i])
			assert.LessOrEqual(t, delay, most, "delay %d", i)
			assert.GreaterOrEqual(t, delay, most/2, "delay %d", i)
		}
	})
}

func TestRunGoesOnWhenAFailurePasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "order", 10)
		failures := 0
		f.before = func(_ context.Context, event eventstore.RecordedEvent) error {
			if event.Position == 4 && failures < 8 {
				failures++
				return errPoison
			}
			return nil
		}
		stop := f.run(t)
		elapse(time.Minute)
		stop()
		f.requireHandled(t, 10)
		assert.False(t, f.checkpoint(t).Paused)
	})
}

func TestRunGoesOnWhenResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "order", 10)
		f.failAt(6)
		stop := f.run(t)
		elapse(time.Minute)
		calls := f.calls.Load()
		elapse(time.Hour)
		assert.Equal(t, calls, f.calls.Load(), "a paused consumer does nothing")

		f.failAt(0)
		require.NoError(t, f.target.Resume(t.Context(), id))
		elapse(2 * time.Second)
		stop()
		f.requireHandled(t, 10)
		assert.Equal(t, 1, strings.Count(f.log.String(), "is paused"), f.log.String())
		assert.Equal(t, 1, strings.Count(f.log.String(), "was resumed"), f.log.String())
	})
}

func TestRunNoticesThatAnotherProcessPausedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "order", 2)
		stop := f.run(t)
		synctest.Wait()
		require.NoError(t, f.target.Pause(t.Context(), f.checkpoint(t), "maintenance"))
		f.append(t, "order", 1)
		elapse(time.Minute)
		f.requireHandled(t, 2)
		assert.Equal(t, 1, strings.Count(f.log.String(), "waits to be resumed"), f.log.String())

		require.NoError(t, f.target.Resume(t.Context(), id))
		elapse(2 * time.Second)
		stop()
		f.requireHandled(t, 3)
	})
}

func TestRunTreatsAPanicAsAnError(t *testing.T) {
	for _, value := range []any{"broken", errPoison} {
		t.Run(fmt.Sprintf("%T", value), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.append(t, "order", 3)
				f.before = func(_ context.Context, event eventstore.RecordedEvent) error {
					if event.Position == 2 {
						panic(value)
					}
					return nil
				}
				err := consumer.New(f.config).CatchUp(t.Context())
				require.ErrorContains(t, err, fmt.Sprint("panic: ", value))
				assert.Equal(t, value == any(errPoison), errors.Is(err, errPoison))

				stop := f.run(t)
				elapse(time.Minute)
				stop()
				f.requireHandled(t, 1)
				assert.Contains(t, f.checkpoint(t).Reason, "run_test.go", "the stack leads to the handler")
			})
		})
	}
}

// A handler may fail with the very errors that a target uses to say that another process was first.
func TestRunBlamesTheEventForSentinelsOfTheHandler(t *testing.T) {
	for _, sentinel := range []error{
		eventstore.ErrPaused, eventstore.ErrCheckpointMoved, eventstore.ErrInvalid, eventstore.ErrBeyondHead,
		context.Canceled, context.DeadlineExceeded,
	} {
		t.Run(sentinel.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.append(t, "order", 3)
				f.before = func(_ context.Context, event eventstore.RecordedEvent) error {
					if event.Position == 2 {
						return fmt.Errorf("in the handler: %w", sentinel)
					}
					return nil
				}
				stop := f.run(t)
				elapse(time.Minute)
				stop()
				f.requireHandled(t, 1)
				assert.True(t, f.checkpoint(t).Paused)
			})
		})
	}
}

func TestRunMakesTheReasonStorable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "order", 1)
		f.before = func(context.Context, eventstore.RecordedEvent) error {
			return errors.New("bytes \x00 \xff and " + strings.Repeat("ä", 1<<20))
		}
		stop := f.run(t)
		elapse(time.Minute)
		stop()
		reason := f.checkpoint(t).Reason
		assert.Contains(t, reason, "bytes \uFFFD \uFFFD and")
		assert.Less(t, len(reason), 20<<10)
	})
}

func TestRunStopsWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Retry.MinBackoff = time.Hour
		f.append(t, "order", 1)
		f.failAt(1)
		begin := time.Now()
		stop := f.run(t)
		synctest.Wait()
		stop()
		assert.Equal(t, begin, time.Now())
		assert.False(t, f.checkpoint(t).Paused, "a stop in the middle of the attempts pauses nothing")
	})
}

func TestRunRollsBackTheBatchInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.append(t, "order", 3)
		f.before = func(ctx context.Context, event eventstore.RecordedEvent) error {
			if event.Position == 3 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		stop := f.run(t)
		synctest.Wait()
		stop()
		assert.Zero(t, f.handled.Len())
		assert.Zero(t, f.checkpoint(t).Position)
		assert.Empty(t, f.log.String(), "a clean stop is nothing to log")
	})
}
