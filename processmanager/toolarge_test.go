package processmanager_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// TestATimerThatDecidesTooMuchParksItsInstance is a decision that no store takes. What fires with it is recorded.
func TestATimerThatDecidesTooMuchParksItsInstance(t *testing.T) {
	p, c := newPlace(t), newClock()
	m := timing(p, c, func(int) effects {
		return effects{Schedule: []processmanager.Timer{
			{Name: "a", DueAt: c.Now().Add(time.Hour)}, {Name: "large", DueAt: c.Now().Add(2 * time.Hour)},
		}}
	}, "a")
	size := eventstore.MaxDataBytes
	processmanager.OnTimer(m, "large", func(s Shipping, _ processmanager.Fired) (Shipping, effects) {
		s.Steps = append(s.Steps, strings.Repeat("x", size))
		return s, effects{}
	})
	p.append("1", Placed{})
	require.Empty(t, p.steps(m, "1"))
	c.move(2 * time.Hour)
	require.Equal(t, []string{"a after 1h0m0s"}, p.steps(m, "1"))
	parked := p.parked(m)
	require.Len(t, parked, 1)
	require.Equal(t, "large", parked[0].Timer)

	size = 1
	require.NoError(t, m.Retry(t.Context(), "1"))
	require.Equal(t, []string{"a after 1h0m0s", "x"}, p.steps(m, "1"))
	require.Empty(t, p.parked(m))
}

// TestASnapshotThatIsTooLargeIsLeftOut is an instance with more to dispatch than fits into a record: it is slow until
// then, and not lost.
func TestASnapshotThatIsTooLargeIsLeftOut(t *testing.T) {
	p, down := newPlace(t), true
	dispatched := 0
	m := processmanager.New[int]("trip", p.store, p.agenda, trips,
		func(context.Context, processmanager.Command[Trip]) error {
			if down {
				return processmanager.Permanent(errDown)
			}
			dispatched++
			return nil
		}, options())
	processmanager.On(m, orderEvents, processmanager.ByStream, func(n int, _ envelope) (int, tripEffects) {
		if n >= 2 {
			return n + 1, tripEffects{}
		}
		return n + 1, tripEffects{Send: []Trip{Tell{strings.Repeat("x", eventstore.MaxDataBytes*2/3)}}}
	})
	for range 60 { // enough for a snapshot
		p.append("1", Placed{})
	}
	require.ErrorIs(t, m.CatchUp(t.Context()), errDown)
	require.NotContains(t, p.types("$pm.trip", "1"), "snapshot")

	down = false
	require.NoError(t, m.Retry(t.Context(), "1"))
	require.NoError(t, m.CatchUp(t.Context()))
	require.Equal(t, 2, dispatched)
	require.Contains(t, p.types("$pm.trip", "1"), "snapshot", "when it fits")
	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, 60, instance.State)
}
