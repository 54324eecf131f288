package projection_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/projection"
)

// newerOrderEvents are orderEvents in the next version of the program: an item has schema version 2.
var newerOrderEvents = eventstore.NewCodec("order", map[string]OrderEvent{
	"order.item-added":  ItemAdded{},
	"order.checked-out": CheckedOut{},
}, &eventstore.CodecOptions{Upcasters: []eventstore.Upcaster{
	eventstore.EditFields("order.item-added", 1, func(f *eventstore.Fields) { f.Rename("Title", "Name") }),
}})

// newerRecorder is the recorder of the next version of the program.
func newerRecorder(b backend[*memstore.Tx]) *projection.Projection[*memstore.Tx] {
	p := projection.New(name, b.store, b.target, nil)
	projection.On(p, newerOrderEvents, func(ctx context.Context, tx *memstore.Tx, e eventstore.Envelope[OrderEvent]) error {
		return b.note(ctx, tx, fmt.Sprint(e.Position))
	})
	return p
}

const newerSays = `"order.item-added" is of schema version 2, this program knows up to 1`

// While versions of a program run side by side, the old one stops at what it does not know, and the new one goes on there.
func TestANewerEventPausesAnOldProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := inMemory(t)
		before := b.add("1", 2)
		appendEvent[OrderEvent](b, newerOrderEvents, "1", ItemAdded{"Socks"})
		b.add("2", 2)

		stop := b.start(b.recorder(b.target, &projection.Options{MinBackoff: time.Millisecond}, noTrouble))
		reason := b.waitPaused()
		stop()
		assert.Contains(t, reason, newerSays)
		assert.Contains(t, reason, `at version 3 of stream "order-1", position 3`)
		require.Equal(t, b.positions(before), b.notes())

		newer := newerRecorder(b)
		require.NoError(t, newer.Resume(t.Context()))
		require.NoError(t, newer.CatchUp(t.Context()))
		b.requireAppliedOnce()
	})
}

func TestANewerEventIsParkedWherePolicySays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := inMemory(t)
		appendEvent[OrderEvent](b, newerOrderEvents, "1", ItemAdded{"Socks"})
		b.add("1", 1)
		b.add("2", 2)

		p := b.recorder(b.target, &projection.Options{Policy: projection.Park, MinBackoff: time.Millisecond}, noTrouble)
		require.NoError(t, p.CatchUp(t.Context()))
		require.Equal(t, []string{"3", "4"}, b.notes())
		parked, err := p.Parked(t.Context())
		require.NoError(t, err)
		require.Len(t, parked, 1)
		assert.Equal(t, eventstore.StreamID{Category: "order", Key: "1"}, parked[0].Stream)
		assert.EqualValues(t, 1, parked[0].Version)
		assert.Contains(t, parked[0].Reason, newerSays)

		newer := newerRecorder(b)
		stop := b.start(newer)
		defer stop()
		require.NoError(t, newer.Retry(t.Context(), parked[0].Stream))
		require.Equal(t, []string{"3", "4", "1", "2"}, b.notes())
	})
}
