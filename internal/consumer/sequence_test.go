package consumer_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
	"github.com/pasttense/pasttense/memstore"
)

// routed is a consumer whose events belong to the sequence that their data names, "" being nobody's.
type routed struct {
	*fixture

	// sequences is the read model: the positions of what was handled, in that order.
	sequences *memstore.Table[string, []eventstore.Position]
	// mu guards route, and before, in the midst of a run.
	mu sync.Mutex
	// route names the sequence of an event; at first it is keyOf.
	route func(event eventstore.RecordedEvent) (string, error)
}

func newRouted(f *fixture) *routed {
	r := &routed{fixture: f, sequences: memstore.NewTable[string, []eventstore.Position](f.target)}
	r.route = func(event eventstore.RecordedEvent) (string, error) { return keyOf(event), nil }
	r.config.Filter.Categories = []string{"order", "payment"}
	r.config.Sequence = func(event eventstore.RecordedEvent) (eventstore.StreamID, error) {
		route, _ := r.now()
		key, err := route(event)
		if key == "" || err != nil {
			return eventstore.StreamID{}, err
		}
		return process(key), nil
	}
	r.config.Handle = r.handle
	return r
}

func (r *routed) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *routed) now() (
	route func(eventstore.RecordedEvent) (string, error), before func(context.Context, eventstore.RecordedEvent) error,
) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.route, r.before
}

func keyOf(event eventstore.RecordedEvent) string { return strings.Trim(string(event.Data), `"`) }

func process(key string) eventstore.StreamID {
	return eventstore.StreamID{Category: "$pm.checkout", Key: key}
}

func (r *routed) handle(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
	if len(events) == 0 {
		return r.target.Advance(ctx, move, nil)
	}
	r.calls.Add(1)
	_, before := r.now()
	return r.target.Advance(ctx, move, func(ctx context.Context, tx *memstore.Tx) error {
		for _, event := range events {
			if err := before(ctx, event); err != nil {
				return err
			}
			positions, _ := r.sequences.GetTx(tx, keyOf(event))
			r.sequences.PutTx(tx, keyOf(event), append(slices.Clip(positions), event.Position))
		}
		return nil
	})
}

// add appends an event for a sequence to a stream, and returns its position.
func (r *routed) add(t *testing.T, stream eventstore.StreamID, key string) eventstore.Position {
	t.Helper()
	_, err := r.store.Append(t.Context(), eventstore.Write{
		Stream:   stream,
		Expected: eventstore.AnyVersion,
		Events:   []eventstore.EventData{{Type: stream.Category + "ed", Data: fmt.Appendf(nil, "%q", key)}},
	})
	require.NoError(t, err)
	head, err := r.store.Head(t.Context())
	require.NoError(t, err)
	return head
}

// addMany appends events for sequences "0" to "9" and for nobody, each to one of several streams of two categories. It
// returns the positions of each sequence.
func (r *routed) addMany(t *testing.T, events int) map[string][]eventstore.Position {
	t.Helper()
	added := make(map[string][]eventstore.Position)
	for range events {
		stream := eventstore.StreamID{Category: []string{"order", "payment"}[rand.N(2)], Key: fmt.Sprint(rand.N(5))}
		key := []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", ""}[rand.N(11)]
		position := r.add(t, stream, key)
		if key != "" {
			added[key] = append(added[key], position)
		}
	}
	return added
}

func (r *routed) handledSequences() map[string][]eventstore.Position {
	return maps.Collect(r.sequences.All())
}

// failKey makes the events of a sequence fail from a position on.
func (r *routed) failKey(key string, from eventstore.Position) {
	r.failWith(errPoison, func(event eventstore.RecordedEvent) bool {
		return keyOf(event) == key && event.Position >= from
	})
}

// failWith makes some events fail with an error.
func (r *routed) failWith(err error, some func(event eventstore.RecordedEvent) bool) {
	r.set(func() {
		r.before = func(_ context.Context, event eventstore.RecordedEvent) error {
			if some(event) {
				return err
			}
			return nil
		}
	})
}

func atPosition(position eventstore.Position) func(eventstore.RecordedEvent) bool {
	return func(event eventstore.RecordedEvent) bool { return event.Position == position }
}

// requireAt requires that all partitions are at a position, paused or not.
func (r *routed) requireAt(t *testing.T, position eventstore.Position, paused bool) {
	t.Helper()
	checkpoints, err := r.target.Checkpoints(t.Context(), id)
	require.NoError(t, err)
	for _, at := range checkpoints {
		require.Equal(t, position, at.Position, "partition %d", at.Partition)
		require.Equal(t, paused, at.Paused, "partition %d", at.Partition)
	}
}

func onRouted(t *testing.T, test func(r *routed)) {
	t.Helper()
	onPartitions(t, func(f *fixture) { test(newRouted(f)) })
}

func join(to, from map[string][]eventstore.Position) {
	for key, positions := range from {
		to[key] = append(to[key], positions...)
	}
}

func TestASequenceIsHandledInOrderByItsPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRouted(newFixture(t))
		r.config.Partitions = 3
		partitions := 3
		var mu sync.Mutex
		r.config.Handle = func(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
			mu.Lock()
			defer mu.Unlock()
			for _, event := range events {
				assert.Equal(t, eventstore.PartitionOf(process(keyOf(event)), partitions), move.Partition)
			}
			return r.handle(ctx, move, events)
		}
		added := r.addMany(t, 300)
		stop, stopOther := r.run(t), r.run(t)
		elapse(time.Minute)
		join(added, r.addMany(t, 300))
		stopOther()
		elapse(time.Minute)
		require.Equal(t, added, r.handledSequences(), "after a change of owner")
		r.requireAt(t, 600, false)

		_, err := r.target.Halt(t.Context(), time.Hour, id)
		require.NoError(t, err)
		join(added, r.addMany(t, 300))
		elapse(time.Minute)
		mu.Lock()
		partitions = 5
		mu.Unlock()
		require.NoError(t, r.target.Repartition(t.Context(), id, 5))
		elapse(time.Minute)
		stop()
		require.Equal(t, added, r.handledSequences(), "with another number of partitions")
		r.requireAt(t, 900, false)
		assert.Empty(t, r.log.String())
	})
}

func TestCatchUpOfSequences(t *testing.T) {
	onRouted(t, func(r *routed) {
		t := r.t
		added := r.addMany(t, 300)
		require.NoError(t, consumer.New(r.config).CatchUp(t.Context()))
		require.Equal(t, added, r.handledSequences())
		r.requireAt(t, 300, false)
	})
}

func TestAParkedSequenceHoldsBackWhatItHasInOtherStreams(t *testing.T) {
	onRouted(t, func(r *routed) {
		t := r.t
		r.config.Policy = consumer.Park
		added := r.addMany(t, 200)
		poison := added["7"][1]
		r.failKey("7", poison)
		stop := r.run(t)
		elapse(time.Minute)
		join(added, r.addMany(t, 200))
		elapse(time.Minute)

		handled := r.handledSequences()
		assert.Equal(t, added["7"][:1], handled["7"])
		handled["7"] = added["7"]
		require.Equal(t, added, handled, "the others go on, also in the streams that the parked one has events in")
		parked := r.parked(t)
		require.Len(t, parked, 1)
		assert.Equal(t, process("7"), parked[0].Stream)
		r.requireIsAt(t, parked[0], poison)
		assert.Contains(t, r.log.String(), `parked stream \"$pm.checkout-7\"`)

		poison = added["7"][5]
		r.failKey("7", poison)
		require.NoError(t, r.target.Retry(t.Context(), id, process("7")))
		elapse(time.Minute)
		assert.Equal(t, added["7"][:5], r.handledSequences()["7"], "all before the one that fails")
		parked = r.parked(t)
		require.Len(t, parked, 1)
		r.requireIsAt(t, parked[0], poison)
		assert.Equal(t, 1, parked[0].Attempts)
		assert.False(t, parked[0].Retry)

		r.failKey("", 0)
		require.NoError(t, r.target.Retry(t.Context(), id, process("7")))
		elapse(time.Minute)
		join(added, r.addMany(t, 100))
		elapse(time.Minute)
		stop()
		require.Equal(t, added, r.handledSequences())
		assert.Empty(t, r.parked(t))
	})
}

// requireIsAt requires that the first event that waits is the one at a position.
func (r *routed) requireIsAt(t *testing.T, parked eventstore.Parked, position eventstore.Position) {
	t.Helper()
	for event, err := range r.store.ReadAll(t.Context(), position-1, eventstore.Filter{}) {
		require.NoError(t, err)
		assert.Equal(t, position, parked.Position)
		assert.Equal(t, event.Version, parked.Version)
		assert.Equal(t, event.Type, parked.Type)
		assert.Contains(t, parked.Reason, fmt.Sprintf("version %d of stream %q, position %d: ",
			event.Version, event.Stream, event.Position))
		assert.Contains(t, parked.Reason, errPoison.Error())
		return
	}
}

func TestALongParkedSequenceOfManyStreamsIsHandledInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRouted(newFixture(t))
		r.config.Partitions = 3
		r.config.Policy = consumer.Park
		r.failKey("7", 0)
		added := r.addMany(t, 5000)
		stop := r.run(t)
		elapse(time.Minute)
		require.NotContains(t, r.handledSequences(), "7")
		_, err := r.target.Halt(t.Context(), time.Hour, id)
		require.NoError(t, err)
		elapse(time.Minute)
		require.NoError(t, r.target.Repartition(t.Context(), id, 4))
		elapse(time.Minute)
		stop()

		r.failKey("", 0)
		parked := len(added["7"])
		join(added, r.addMany(t, 50))
		r.calls.Store(0)
		var most int
		handle := r.config.Handle
		r.config.Handle = func(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
			most = max(most, len(events))
			return handle(ctx, move, events)
		}
		require.NoError(t, r.target.Retry(t.Context(), id, process("7")))
		require.NoError(t, consumer.New(r.config).CatchUp(t.Context()))
		require.Equal(t, added, r.handledSequences())
		assert.Empty(t, r.parked(t))
		assert.LessOrEqual(t, most, 100)
		assert.LessOrEqual(t, r.calls.Load(), int64((parked+99)/100+4), "and one for each partition")
	})
}
