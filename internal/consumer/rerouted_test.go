package consumer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

var errUnrouted = errors.New("no such route")

// A sequence is parked, and when it is tried again the program is another.
func TestARetryFailsWhereTheSequenceIsNotWhatItWas(t *testing.T) {
	cases := map[string]struct {
		change func(r *routed)
		reason string
	}{
		"the first event belongs to another sequence": {
			change: func(r *routed) { r.reroute(2, "8", nil) },
			reason: `version 1 of stream "payment-1", position 2: it belongs to "$pm.checkout-8" now`,
		},
		"nobody can tell what the first event is for": {
			change: func(r *routed) { r.reroute(2, "", errUnrouted); r.config.Unrouted = consumer.Skip },
			reason: "position 2: its sequence cannot be told: no such route",
		},
		"nobody can tell what a later event is for": {
			change: func(r *routed) { r.reroute(3, "", errUnrouted) },
			reason: "position 3: its sequence cannot be told: no such route",
		},
		"the first event is not selected": {
			change: func(r *routed) { r.config.Filter.Categories = []string{"order"} },
			reason: "there is no event at position 2 that the projection selects",
		},
		"nothing is selected": {
			change: func(r *routed) { r.config.Filter.Categories = []string{"customer"} },
			reason: "there is no event at position 2 that the projection selects",
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			onRouted(t, func(r *routed) {
				t := r.t
				config := r.config
				config.Policy = consumer.Park
				r.config.Policy = consumer.Park
				r.failKey("7", 0)
				r.add(t, orderStream("1"), "1")
				r.add(t, eventstore.StreamID{Category: "payment", Key: "1"}, "7")
				r.add(t, orderStream("1"), "1")
				r.add(t, orderStream("1"), "7")
				stop := r.run(t)
				elapse(time.Minute)
				stop()
				before := r.parked(t)
				require.Len(t, before, 1)

				r.failKey("", 0)
				test.change(r)
				stop = r.run(t)
				elapse(time.Minute)
				require.NoError(t, r.target.Retry(t.Context(), id, process("7")))
				elapse(time.Minute)
				stop()
				parked := r.parked(t)
				require.Len(t, parked, 1)
				assert.Contains(t, parked[0].Reason, "the parked sequence is not what it was: ")
				assert.Contains(t, parked[0].Reason, test.reason)
				assert.Contains(t, r.log.String(), "has failed again at a parked event")
				before[0].Reason, before[0].Attempts = parked[0].Reason, 1
				assert.Equal(t, before, parked)
				assert.NotContains(t, r.handledSequences(), "7")
				r.requireAt(t, 4, false)

				r.config = config
				r.reroute(0, "", nil)
				stop = r.run(t)
				elapse(time.Minute)
				require.NoError(t, r.target.Retry(t.Context(), id, process("7")))
				elapse(time.Minute)
				stop()
				assert.Empty(t, r.parked(t))
				assert.Equal(t, map[string][]eventstore.Position{"1": {1, 3}, "7": {2, 4}}, r.handledSequences())
			})
		})
	}
}

// reroute routes the event at a position elsewhere.
func (r *routed) reroute(position eventstore.Position, key string, err error) {
	r.rerouteBy(position, func() (string, error) { return key, err })
}

func (r *routed) rerouteBy(position eventstore.Position, route func() (string, error)) {
	r.set(func() {
		r.route = func(event eventstore.RecordedEvent) (string, error) {
			if event.Position == position {
				return route()
			}
			return keyOf(event), nil
		}
	})
}

func TestARetryPassesWhatWasSkippedAsUnrouted(t *testing.T) {
	onRouted(t, func(r *routed) {
		t := r.t
		r.config.Policy, r.config.Unrouted = consumer.Park, consumer.Skip
		r.failKey("7", 0)
		r.reroute(2, "", errUnrouted)
		for range 3 {
			r.add(t, orderStream("1"), "7")
		}
		stop := r.run(t)
		elapse(time.Minute)
		r.failKey("", 0)
		require.NoError(t, r.target.Retry(t.Context(), id, process("7")))
		elapse(time.Minute)
		stop()
		assert.Equal(t, map[string][]eventstore.Position{"7": {1, 3}}, r.handledSequences())
		assert.Empty(t, r.parked(t))
		r.requireSkipped(t, 2)
	})
}

// TestARetryPassesAFirstEventThatIsForNobodyNow holds that the rest of the sequence goes on: nobody can take the
// event to have been decided on in another sequence.
func TestARetryPassesAFirstEventThatIsForNobodyNow(t *testing.T) {
	onRouted(t, func(r *routed) {
		t := r.t
		r.config.Policy = consumer.Park
		r.failKey("7", 0)
		r.add(t, orderStream("1"), "1")
		for range 3 {
			r.add(t, orderStream("1"), "7")
		}
		stop := r.run(t)
		elapse(time.Minute)
		stop()
		require.Len(t, r.parked(t), 1)

		r.failKey("", 0)
		r.reroute(2, "", nil)
		stop = r.run(t)
		elapse(time.Minute)
		require.NoError(t, r.target.Retry(t.Context(), id, process("7")))
		elapse(time.Minute)
		stop()
		assert.Empty(t, r.parked(t))
		assert.Equal(t, map[string][]eventstore.Position{"1": {1}, "7": {3, 4}}, r.handledSequences())
		r.requireAt(t, 4, false)
	})
}
