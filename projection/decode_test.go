package projection_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/projection"
)

func TestAnUnknownTypeIsAnErrorUnlessIgnored(t *testing.T) {
	b := inMemory(t)
	before := b.add("1", 2)
	appendRaw(b, "order", "order.renamed")
	b.add("1", 1)

	err := b.recorder(b.target, nil, noTrouble).CatchUp(t.Context())
	require.ErrorIs(t, err, eventstore.ErrUnknownType)
	require.ErrorContains(t, err, "order.renamed")
	require.Equal(t, b.positions(before), b.notes())

	ignoring := &projection.Options{IgnoreTypes: []string{"order.renamed"}}
	require.NoError(t, b.recorder(b.target, ignoring, noTrouble).CatchUp(t.Context()))
	require.Equal(t, []string{"1", "2", "4"}, b.notes())
}

func TestATypeThatTheCodecKnowsIsNotIgnored(t *testing.T) {
	b := inMemory(t)
	b.add("1", 2)
	ignoring := &projection.Options{IgnoreTypes: []string{"order.item-added"}}
	require.NoError(t, b.recorder(b.target, ignoring, noTrouble).CatchUp(t.Context()))
	b.requireAppliedOnce()
}

// splitting makes of an event that an item was added one for each letter of the name.
type splitting struct{ eventstore.Codec[OrderEvent] }

func (s splitting) Decode(recorded eventstore.RecordedEvent) ([]OrderEvent, error) {
	events, err := s.Codec.Decode(recorded)
	if err != nil {
		return nil, err
	}
	var split []OrderEvent
	for _, letter := range events[0].(ItemAdded).Name {
		split = append(split, ItemAdded{Name: string(letter)})
	}
	return split, nil
}

func TestAnEventThatWasSplitIsAppliedInParts(t *testing.T) {
	b := inMemory(t)
	p := projection.New(name, b.store, b.target, nil)
	projection.On(p, splitting{orderEvents},
		func(ctx context.Context, tx *memstore.Tx, e eventstore.Envelope[OrderEvent]) error {
			return b.note(ctx, tx, fmt.Sprint(e.Version, e.Event))
		})
	appendEvent[OrderEvent](b, orderEvents, "1", ItemAdded{Name: "abc"})
	appendEvent[OrderEvent](b, orderEvents, "1", ItemAdded{Name: ""})
	appendEvent[OrderEvent](b, orderEvents, "1", ItemAdded{Name: "d"})
	require.NoError(t, p.CatchUp(t.Context()))
	require.Equal(t, []string{"1 {a}", "1 {b}", "1 {c}", "3 {d}"}, b.notes())
}
