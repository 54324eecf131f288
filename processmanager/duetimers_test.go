package processmanager_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// afterAnHour is a process whose Placed sets a timer for an hour later.
func afterAnHour(p *place, c *clock) *manager {
	return timing(p, c, func(int) effects {
		return effects{Schedule: []processmanager.Timer{{Name: "a", DueAt: c.Now().Add(time.Hour)}}}
	}, "a")
}

// TestTimersWaitForParkedEvents is M3: an event that cancels a timer does so however late it is retried, and when
// it is skipped the timer fires.
func TestTimersWaitForParkedEvents(t *testing.T) {
	p, c, broken := newPlace(t), newClock(), true
	m := timing(p, c, func(amount int) effects {
		switch {
		case amount == 0:
			return effects{Schedule: []processmanager.Timer{{Name: "a", DueAt: c.Now().Add(time.Hour)}}}
		case broken:
			panic("a bug")
		default:
			return effects{Cancel: []string{"a"}}
		}
	}, "a")
	p.append("retried", Placed{}, Placed{Amount: 1})
	p.append("skipped", Placed{}, Placed{Amount: 1})
	require.NoError(t, m.CatchUp(t.Context()))
	require.Len(t, p.parked(m), 2)
	c.move(2 * time.Hour)
	require.Empty(t, p.steps(m, "retried"))
	require.Empty(t, p.steps(m, "skipped"))

	broken = false
	require.NoError(t, m.Retry(t.Context(), "retried"))
	require.NoError(t, m.Skip(t.Context(), "skipped", "not canceled"))
	require.NoError(t, m.CatchUp(t.Context()))
	c.move(time.Minute) // looks at timers that have waited are seconds apart
	require.Empty(t, p.steps(m, "retried"))
	require.Equal(t, []string{"a after 1h1m0s"}, p.steps(m, "skipped"))
}

// TestAPausedPartitionHoldsUpNoOtherTimers is a partition with events that are not handled: its timers wait for
// them, and those of the others do not.
func TestAPausedPartitionHoldsUpNoOtherTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := newPlace(t), newClock()
		opts := options()
		opts.Now, opts.Partitions = c.Now, 2
		m := p.reacting(opts, routeOrder, func(s Shipping, _ envelope) (Shipping, effects) {
			return s, effects{Schedule: []processmanager.Timer{{Name: "a", DueAt: c.Now().Add(time.Hour)}}}
		})
		processmanager.OnTimer(m, "a", func(s Shipping, _ processmanager.Fired) (Shipping, effects) {
			return s, send(Ship{})
		})
		var keys [2]string
		for n := 0; keys[0] == "" || keys[1] == ""; n++ {
			key := fmt.Sprint(n)
			keys[eventstore.PartitionOf(eventstore.StreamID{Category: "$pm.shipping", Key: key}, 2)] = key
		}
		p.append(keys[0], Placed{})
		p.append(keys[1], Placed{})
		require.NoError(t, m.CatchUp(t.Context()))
		checkpoints, err := p.agenda.Checkpoints(t.Context(), m.Consumer())
		require.NoError(t, err)
		require.NoError(t, p.agenda.Pause(t.Context(), checkpoints[0], "somebody looks at it"))
		p.append("other", Viewed{})
		c.move(2 * time.Hour)
		start(t, m)
		time.Sleep(time.Minute)
		require.Empty(t, p.types("warehouse", keys[0]))
		require.Equal(t, []string{"ship"}, p.types("warehouse", keys[1]))
	})
}

// TestCatchUpFiresATimerThatHasFailed holds that a timer that could not fire is due still when CatchUp is called again.
func TestCatchUpFiresATimerThatHasFailed(t *testing.T) {
	p, c := newPlace(t), newClock()
	m := afterAnHour(p, c)
	p.append("1", Placed{})
	require.Empty(t, p.steps(m, "1"))
	c.move(2 * time.Hour)
	broken := *p
	broken.store = failing{p.store, errDown}
	require.ErrorIs(t, afterAnHour(&broken, c).CatchUp(t.Context()), errDown)
	require.Equal(t, []string{"a after 1h0m0s"}, p.steps(m, "1"))
}

// TestTimersAreHandedBackWhenAManagerStops is a process that stops while its timers wait for events: the others
// need not wait for its leases.
func TestTimersAreHandedBackWhenAManagerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := newPlace(t), newClock()
		m := afterAnHour(p, c)
		p.append("1", Placed{})
		require.Empty(t, p.steps(m, "1"))
		p.append("2", Viewed{})
		c.move(2 * time.Hour)

		taken := make(chan struct{}, 1)
		behind := *p
		behind.store = &gated{Store: p.store}
		behind.agenda = &claimed{p.agenda, func(eventstore.Duty) { taken <- struct{}{} }}
		stop := start(t, afterAnHour(&behind, c))
		<-taken
		stop()
		start(t, m)
		time.Sleep(time.Second)
		require.Equal(t, []string{"decided", "decided"}, p.types("$pm.shipping", "1"))
	})
}
