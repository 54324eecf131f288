package processmanager_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/processmanager"
)

// counting counts the events that are read of streams.
type counting struct {
	eventstore.Store
	read int
}

func (s *counting) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		for event, err := range s.Store.ReadStream(ctx, id, opts) {
			s.read++
			if !yield(event, err) {
				return
			}
		}
	}
}

// TestWorkDoesNotGrowWithTheAgeOfAnInstance reads no more of an old instance than of a young one, and remembers all.
func TestWorkDoesNotGrowWithTheAgeOfAnInstance(t *testing.T) {
	p := newPlace(t)
	store := &counting{Store: p.store}
	m := processmanager.New[int]("shipping", store, p.agenda, commands, p.receive, options())
	processmanager.On(m, orderEvents, processmanager.ByStream,
		func(n int, e eventstore.Envelope[OrderEvent]) (int, effects) {
			return n + e.Event.(Placed).Amount, send(Ship{})
		})
	const inputs = 400
	most := 0
	for range inputs {
		p.append("1", Placed{Amount: 1})
		store.read = 0
		require.NoError(t, m.CatchUp(t.Context()))
		most = max(most, store.read)
	}
	require.LessOrEqual(t, most, 4*51, "records read for an input and its command")

	p.agenda = memstore.NewTarget(nil) // all events come again
	again := processmanager.New[int]("shipping", store, p.agenda, commands, p.receive, options())
	processmanager.On(again, orderEvents, processmanager.ByStream,
		func(int, eventstore.Envelope[OrderEvent]) (int, effects) { panic("decided again") })
	require.NoError(t, again.CatchUp(t.Context()))
	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, inputs, instance.State)
	require.Len(t, instance.Inputs, inputs)
	require.Len(t, p.stream("warehouse", "1"), inputs)
}

// TestManyInputsAtOnceAreOneAppend is a backlog: the inputs of an instance are decided on one by one, and appended
// together.
func TestManyInputsAtOnceAreOneAppend(t *testing.T) {
	p := newPlace(t)
	for range 120 {
		p.append("1", Placed{Amount: 1})
	}
	store := &appended{Store: p.store}
	m := processmanager.New[int]("shipping", store, p.agenda, commands, p.receive, options())
	processmanager.On(m, orderEvents, processmanager.ByStream,
		func(n int, _ eventstore.Envelope[OrderEvent]) (int, effects) { return n + 1, effects{} })
	require.NoError(t, m.CatchUp(t.Context()))
	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, 120, instance.State)
	require.Less(t, len(store.types), 5)
}

// TestHistory shows an instance step by step.
func TestHistory(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: tooMuch})
	m := p.manager()
	require.NoError(t, m.CatchUp(t.Context()))
	var steps []string
	for step, err := range m.History(t.Context(), "1") {
		require.NoError(t, err)
		steps = append(steps, fmt.Sprintf("%s: %s, %d commands, %v",
			step.Record, step.After.Status, len(step.After.Commands), step.After.State.Steps))
	}
	require.Equal(t, []string{
		"decided: running, 2 commands, [placed]",
		"dispatched: running, 2 commands, [placed]",
		"refused: running, 2 commands, [placed]",
		"decided: completed, 3 commands, [placed refused: card was declined]",
		"dispatched: completed, 3 commands, [placed refused: card was declined]",
	}, steps)
}
