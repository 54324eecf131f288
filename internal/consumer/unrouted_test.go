package consumer_test

import (
	"context"
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

func (r *routed) requireSkipped(t *testing.T, position eventstore.Position) {
	t.Helper()
	skipped, err := r.target.Skipped(t.Context(), id, 10)
	require.NoError(t, err)
	require.Len(t, skipped, 1, "recorded once")
	assert.Equal(t, position, skipped[0].Position)
	assert.Contains(t, skipped[0].Reason, "its sequence cannot be told: no such route")
}

// unroute makes the sequence of an event one that cannot be told, in each of the ways there are.
func unroute(t *testing.T, test func(r *routed, unroute func(eventstore.Position), reason string)) {
	t.Helper()
	ways := map[string]struct {
		route  func() (string, error)
		reason string
	}{
		"error":   {func() (string, error) { return "7", errUnrouted }, errUnrouted.Error()},
		"panic":   {func() (string, error) { panic(errUnrouted) }, "panic: " + errUnrouted.Error()},
		"invalid": {func() (string, error) { return strings.Repeat("x", 1100), nil }, eventstore.ErrInvalid.Error()},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			onRouted(t, func(r *routed) {
				test(r, func(position eventstore.Position) { r.rerouteBy(position, way.route) }, way.reason)
			})
		})
	}
}

func TestEveryPartitionPausesAtAnUnroutedEvent(t *testing.T) {
	unroute(t, func(r *routed, unroute func(eventstore.Position), reason string) {
		t := r.t
		for policy, unrouted := range map[consumer.Policy]consumer.Policy{
			consumer.Pause: consumer.Pause, consumer.Park: consumer.Park, consumer.Skip: consumer.Pause,
		} {
			r.config.Policy, r.config.Unrouted = policy, unrouted
			head, err := r.store.Head(t.Context())
			require.NoError(t, err)
			added := r.handledSequences()
			unroute(head + 50)
			join(added, r.addMany(t, 49))
			join(added, map[string][]eventstore.Position{"7": {r.add(t, orderStream("7"), "7")}})
			for range 20 {
				join(added, map[string][]eventstore.Position{"7": {r.add(t, orderStream("7"), "7")}})
			}
			stop := r.run(t)
			elapse(time.Minute)
			r.requireAt(t, head+49, true)
			checkpoints, err := r.target.Checkpoints(t.Context(), id)
			require.NoError(t, err)
			for _, at := range checkpoints {
				assert.Contains(t, at.Reason, "its sequence cannot be told: ")
				assert.Contains(t, at.Reason, reason)
			}
			assert.Empty(t, r.parked(t))

			unroute(0)
			require.NoError(t, r.target.Resume(t.Context(), id))
			elapse(time.Minute)
			stop()
			r.requireAt(t, head+70, false)
			require.Equal(t, added, r.handledSequences(), "nothing was passed over")
		}
	})
}

// What comes at the head comes in a batch of its own, or in several while another is handled.
func TestPartitionsAtTheHeadPauseAtAnUnroutedEvent(t *testing.T) {
	for _, unrouted := range []eventstore.Position{2, 3, 4, 5, 6} {
		for _, isBusy := range []bool{false, true} {
			t.Run(fmt.Sprint("position ", unrouted, ", busy ", isBusy), func(t *testing.T) {
				onRouted(t, func(r *routed) {
					t := r.t
					busy, done := make(chan struct{}), make(chan struct{})
					handle := r.config.Handle
					r.config.Handle = func(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
						if len(events) > 0 && events[0].Position == 1 {
							close(busy)
							<-done
						}
						return handle(ctx, move, events)
					}
					r.reroute(unrouted, "", errUnrouted)
					stop := r.run(t)
					synctest.Wait()
					r.add(t, orderStream("1"), "1")
					<-busy
					if !isBusy {
						close(done)
					}
					for _, key := range []string{"1", "2", "", "1", "1", "3"} {
						synctest.Wait()
						r.add(t, orderStream("1"), key)
					}
					synctest.Wait()
					if isBusy {
						close(done)
					}
					elapse(time.Minute)
					checkpoints, err := r.target.Checkpoints(t.Context(), id)
					require.NoError(t, err)
					for _, at := range checkpoints {
						assert.True(t, at.Paused)
						assert.Less(t, at.Position, unrouted)
					}
					r.reroute(0, "", nil)
					require.NoError(t, r.target.Resume(t.Context(), id))
					elapse(time.Minute)
					stop()
					want := map[string][]eventstore.Position{"1": {1, 2, 5, 6}, "2": {3}, "3": {7}}
					assert.Equal(t, want, r.handledSequences())
				})
			})
		}
	}
}

func TestAnUnroutedEventIsSkipped(t *testing.T) {
	onRouted(t, func(r *routed) {
		t := r.t
		r.config.Policy, r.config.Unrouted = consumer.Park, consumer.Skip
		r.reroute(50, "", errUnrouted)
		added := r.addMany(t, 49)
		r.add(t, orderStream("7"), "7")
		join(added, r.addMany(t, 50))
		stop := r.run(t)
		elapse(time.Minute)
		stop()
		r.requireAt(t, 100, false)
		assert.Equal(t, added, r.handledSequences())
		assert.Empty(t, r.parked(t))
		r.requireSkipped(t, 50)
	})
}

func TestCatchUpLeavesAnUnroutedEventToItsCaller(t *testing.T) {
	onRouted(t, func(r *routed) {
		t := r.t
		r.reroute(50, "", errUnrouted)
		added := r.addMany(t, 49)
		join(added, map[string][]eventstore.Position{"7": {r.add(t, orderStream("7"), "7")}})
		err := consumer.New(r.config).CatchUp(t.Context())
		require.ErrorIs(t, err, errUnrouted)
		require.ErrorContains(t, err,
			`event "ordered" at version 1 of stream "order-7", position 50: its sequence cannot be told: no such route`)
		checkpoints, err := r.target.Checkpoints(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, eventstore.Position(49), checkpoints[0].Position)
		assert.False(t, checkpoints[0].Paused)

		r.config.Unrouted = consumer.Skip
		require.NoError(t, consumer.New(r.config).CatchUp(t.Context()))
		r.requireSkipped(t, 50)
		r.requireAt(t, 50, false)
		added["7"] = added["7"][:len(added["7"])-1]
		if len(added["7"]) == 0 {
			delete(added, "7")
		}
		assert.Equal(t, added, r.handledSequences())
	})
}

// Another process, with another program, passes the event while this one is about to give it up.
func TestCatchUpDoesNotMindAnUnroutedEventThatAnotherProcessHasPassed(t *testing.T) {
	r := newRouted(newFixture(t))
	r.rerouteBy(1, func() (string, error) {
		r.moveTo(t, 1)
		return "", errUnrouted
	})
	r.add(t, orderStream("7"), "7")
	require.NoError(t, consumer.New(r.config).CatchUp(t.Context()))
}
