package consumer_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// errTooNew says with every sentinel that Run might take for another's that this process cannot do something.
var errTooNew = fmt.Errorf("of a newer program: %w",
	errors.Join(eventstore.ErrInvalid, eventstore.ErrPaused, eventstore.ErrBeyondHead, eventstore.ErrCheckpointMoved))

func notHere() error { return fmt.Errorf("in the handler: %w", consumer.NotHere(errTooNew)) }

func TestWhatThisProcessCannotHandleIsTriedForEver(t *testing.T) {
	where := map[string]func(r *routed, position eventstore.Position){
		"in Handle":   func(r *routed, position eventstore.Position) { r.failWith(notHere(), atPosition(position)) },
		"in Sequence": func(r *routed, position eventstore.Position) { r.reroute(position, "", notHere()) },
	}
	for name, fail := range where {
		for _, policy := range []consumer.Policy{consumer.Pause, consumer.Park, consumer.Skip} {
			t.Run(fmt.Sprint(name, " ", policy), func(t *testing.T) {
				onRouted(t, func(r *routed) {
					t := r.t
					r.config.Policy, r.config.Unrouted = policy, policy
					fail(r, 50)
					added := r.addMany(t, 49)
					join(added, map[string][]eventstore.Position{"7": {r.add(t, orderStream("7"), "7")}})
					join(added, r.addMany(t, 50))
					require.ErrorIs(t, consumer.New(r.config).CatchUp(t.Context()), errTooNew)
					stop := r.run(t)
					elapse(2 * time.Minute)
					stuck := eventstore.PartitionOf(process("7"), r.config.Partitions)
					for key, positions := range added {
						if eventstore.PartitionOf(process(key), r.config.Partitions) == stuck {
							before, _ := slices.BinarySearch(positions, 50)
							handled, _ := r.sequences.Get(key)
							require.Len(t, handled, before, "what comes before it is committed")
							assert.Subset(t, positions, handled)
						}
					}
					assert.Contains(t, r.log.String(), `cannot go on, trying again" consumer=sales `+
						`error="event \"ordered\" at version 1 of stream \"order-7\", position 50: `)
					assert.NotContains(t, r.log.String(), "halving")

					fail(r, 0)
					elapse(time.Minute)
					stop()
					r.requireAt(t, 100, false)
					assert.Equal(t, added, r.handledSequences())
					assert.Empty(t, r.parked(t))
					skipped, err := r.target.Skipped(t.Context(), id, 1)
					require.NoError(t, err)
					assert.Empty(t, skipped)
				})
			})
		}
	}
}

func TestARetryThatThisProcessCannotMakeIsTriedForEver(t *testing.T) {
	onRouted(t, func(r *routed) {
		t := r.t
		r.config.Policy = consumer.Park
		r.failKey("7", 0)
		for range 3 {
			r.add(t, orderStream("7"), "7")
		}
		stop := r.run(t)
		elapse(time.Minute)
		r.failWith(notHere(), atPosition(2))
		require.NoError(t, r.target.Retry(t.Context(), id, process("7")))
		elapse(2 * time.Minute)
		require.Len(t, r.parked(t), 1)
		assert.Equal(t, eventstore.Position(2), r.parked(t)[0].Position, "the one before it is handled")
		assert.Zero(t, r.parked(t)[0].Attempts)
		assert.True(t, r.parked(t)[0].Retry)

		r.failKey("", 0)
		r.reroute(3, "", notHere())
		elapse(2 * time.Minute)
		assert.Equal(t, eventstore.Position(2), r.parked(t)[0].Position)
		assert.True(t, r.parked(t)[0].Retry)

		r.reroute(0, "", nil)
		elapse(time.Minute)
		stop()
		assert.Empty(t, r.parked(t))
		assert.Equal(t, []eventstore.Position{1, 2, 3}, r.handledSequences()["7"])
	})
}

func TestNotHereOfNoErrorIsNone(t *testing.T) {
	assert.NoError(t, consumer.NotHere(nil))
	assert.NoError(t, consumer.Permanent(nil))
}
