package processmanager_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// clock is one that moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// timing is a process whose timers the tests set by hand: a Placed of an amount n is handed to placed, and what fires is
// noted in the state.
func timing(p *place, c *clock, placed func(amount int) effects, names ...string) *manager {
	opts := options()
	opts.Now = c.Now
	m := processmanager.New[Shipping]("shipping", p.store, p.agenda, commands, p.receive, opts)
	processmanager.On(m, orderEvents, routeOrder,
		func(s Shipping, e eventstore.Envelope[OrderEvent]) (Shipping, effects) {
			event, isPlaced := e.Event.(Placed)
			if !isPlaced {
				return s, effects{Complete: true}
			}
			return s, placed(event.Amount)
		})
	for _, name := range names {
		processmanager.OnTimer(m, name, func(s Shipping, fired processmanager.Fired) (Shipping, effects) {
			s.Steps = append(s.Steps, fmt.Sprintf("%s after %s", fired.Name, fired.FiredAt.Sub(fired.DueAt)))
			return s, effects{}
		})
	}
	return m
}

func (p *place) steps(m *manager, key string) []string {
	p.t.Helper()
	require.NoError(p.t, m.CatchUp(p.t.Context()))
	instance, err := m.Instance(p.t.Context(), key)
	require.NoError(p.t, err)
	return instance.State.Steps
}

// TestTimers is M3: what is set fires once, in order, and what was moved or canceled does as it was told last.
func TestTimers(t *testing.T) {
	for name, newPlace := range places {
		t.Run(name, func(t *testing.T) {
			p, c := newPlace(t), newClock()
			at := func(name string, after time.Duration) processmanager.Timer {
				return processmanager.Timer{Name: name, DueAt: c.Now().Add(after)}
			}
			begin := c.Now()
			m := timing(p, c, func(amount int) effects {
				switch amount {
				case 1:
					return effects{Schedule: []processmanager.Timer{
						at("b", 2*time.Hour), at("a", time.Hour), at("c", 3*time.Hour), at("d", 4*time.Hour),
					}}
				case 2:
					return effects{Cancel: []string{"c", "unset"}, Schedule: []processmanager.Timer{at("b", 90*time.Minute)}}
				default:
					return effects{}
				}
			}, "a", "b", "c", "d")
			p.append("1", Placed{Amount: 1})
			require.Empty(t, p.steps(m, "1"))
			entries := p.entries(m)
			require.Len(t, entries, 1)
			require.Equal(t, []processmanager.Timer{
				{Name: "a", DueAt: begin.Add(time.Hour)},
				{Name: "b", DueAt: begin.Add(2 * time.Hour)},
				{Name: "c", DueAt: begin.Add(3 * time.Hour)},
				{Name: "d", DueAt: begin.Add(4 * time.Hour)},
			}, entries[0].Timers, "they are listed")

			c.move(time.Hour - time.Nanosecond)
			require.Empty(t, p.steps(m, "1"))
			c.move(time.Nanosecond)
			require.Equal(t, []string{"a after 0s"}, p.steps(m, "1"))
			require.Equal(t, []string{"a after 0s"}, p.steps(m, "1"), "once")

			c.now = begin
			p.append("1", Placed{Amount: 2})
			require.Len(t, p.steps(m, "1"), 1)
			c.move(24 * time.Hour) // a downtime
			require.Equal(t, []string{"a after 0s", "b after 22h30m0s", "d after 20h0m0s"}, p.steps(m, "1"), "in order")
			require.Empty(t, p.entries(m)[0].Timers)
		})
	}
}

// TestNoTimerOutlivesItsInstance is M3.
func TestNoTimerOutlivesItsInstance(t *testing.T) {
	p, c := newPlace(t), newClock()
	m := timing(p, c, func(int) effects {
		return effects{Schedule: []processmanager.Timer{{Name: "a", DueAt: c.Now().Add(time.Hour)}}}
	}, "a")
	p.append("1", Placed{}, Paid{})
	require.Empty(t, p.steps(m, "1"))
	require.Empty(t, p.entries(m))
	c.move(2 * time.Hour)
	require.Empty(t, p.steps(m, "1"))
}

// TestATimerFiresWhereItsInstanceIsHeldUp is a receiver that is dead while a timeout is under way.
func TestATimerFiresWhereItsInstanceIsHeldUp(t *testing.T) {
	p, c := newPlace(t), newClock()
	opts := options()
	opts.Now, opts.Attempts = c.Now, 2
	m := processmanager.New[Shipping]("shipping", p.store, p.agenda, commands,
		func(context.Context, command) error { return errDown }, opts)
	processmanager.On(m, orderEvents, routeOrder, func(s Shipping, _ eventstore.Envelope[OrderEvent]) (Shipping, effects) {
		return s, effects{
			Send: []Command{Ship{}}, Schedule: []processmanager.Timer{{Name: "timeout", DueAt: c.Now().Add(time.Hour)}},
		}
	})
	processmanager.OnTimer(m, "timeout", func(s Shipping, _ processmanager.Fired) (Shipping, effects) {
		return s, effects{Fail: "nobody ships"}
	})
	p.append("1", Placed{})
	for range 2 {
		require.ErrorIs(t, m.CatchUp(t.Context()), errDown)
	}
	require.NoError(t, m.CatchUp(t.Context()), "what is parked is not waited for")
	c.move(time.Hour)
	require.NoError(t, m.CatchUp(t.Context()))
	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, processmanager.StatusFailed, instance.Status)
	require.Equal(t, "nobody ships", instance.Reason)
	require.Equal(t, processmanager.OutcomeInDoubt, instance.Commands[0].Outcome)
	require.Empty(t, p.entries(m))
}

// TestATimerWithoutAReactionIsRefused keeps a timer from being set that nothing would come of.
func TestATimerWithoutAReactionIsRefused(t *testing.T) {
	for name, wrong := range map[string]effects{
		"no OnTimer":    {Schedule: []processmanager.Timer{{Name: "b", DueAt: time.Unix(1, 0)}}},
		"no time":       {Schedule: []processmanager.Timer{{Name: "a"}}},
		"at the end":    {Schedule: []processmanager.Timer{{Name: "a", DueAt: time.Unix(1, 0)}}, Complete: true},
		"both ends":     {Complete: true, Fail: "no"},
		"far too early": {Schedule: []processmanager.Timer{{Name: "a", DueAt: time.Time{}.AddDate(0, 0, -1)}}},
		"far too late":  {Schedule: []processmanager.Timer{{Name: "a", DueAt: time.Unix(1<<40, 0)}}},
	} {
		t.Run(name, func(t *testing.T) {
			p, c := newPlace(t), newClock()
			m := timing(p, c, func(int) effects { return wrong }, "a")
			p.append("1", Placed{})
			require.NoError(t, m.CatchUp(t.Context()))
			parked, err := m.Parked(t.Context())
			require.NoError(t, err)
			require.Len(t, parked, 1)
			require.Empty(t, p.stream("$pm.shipping", "1"))
		})
	}
}

// TestATimerThatSetsItselfHasCommandsOfItsOwn holds that each firing is an input of its own.
func TestATimerThatSetsItselfHasCommandsOfItsOwn(t *testing.T) {
	p, c := newPlace(t), newClock()
	opts := options()
	opts.Now = c.Now
	m := processmanager.New[Shipping]("shipping", p.store, p.agenda, commands, p.receive, opts)
	processmanager.On(m, orderEvents, routeOrder, func(s Shipping, _ eventstore.Envelope[OrderEvent]) (Shipping, effects) {
		return s, effects{Schedule: []processmanager.Timer{{Name: "tick", DueAt: c.Now()}}}
	})
	processmanager.OnTimer(m, "tick", func(s Shipping, fired processmanager.Fired) (Shipping, effects) {
		s.Amount++
		todo := effects{Send: []Command{Ship{}}}
		if s.Amount < 120 { // more than fire at a time
			todo.Schedule = []processmanager.Timer{{Name: "tick", DueAt: fired.DueAt}}
		}
		return s, todo
	})
	p.append("1", Placed{})
	require.NoError(t, m.CatchUp(t.Context()))
	require.Len(t, p.stream("warehouse", "1"), 120)
}

// TestTimersOfARunningManager fires thousands that are due at once, each once.
func TestTimersOfARunningManager(t *testing.T) {
	p, c := newPlace(t), newClock()
	placed := func(int) effects {
		return effects{Schedule: []processmanager.Timer{{Name: "a", DueAt: c.Now().Add(time.Hour)}}}
	}
	m := timing(p, c, placed, "a")
	const instances = 1000
	for n := range instances {
		p.append(fmt.Sprint(n), Placed{})
	}
	start(t, m)
	start(t, timing(p, c, placed, "a"))
	p.eventually(func() bool { return p.summary().WithTimers == instances })
	c.move(2 * time.Hour)
	p.eventually(func() bool { return p.summary().WithTimers == 0 })
	for n := range instances {
		require.Equal(t, []string{"a after 1h0m0s"}, p.steps(m, fmt.Sprint(n)))
	}
}

// TestATimerWhoseReactionFailsParksItsInstance is M4 for a timer: that instance waits, with those that fire later, until
// somebody decides.
func TestATimerWhoseReactionFailsParksItsInstance(t *testing.T) {
	for _, way := range []string{"retry", "skip", "fail"} {
		t.Run(way, func(t *testing.T) {
			p, c, broken := newPlace(t), newClock(), true
			m := timing(p, c, func(int) effects {
				return effects{Schedule: []processmanager.Timer{
					{Name: "a", DueAt: c.Now().Add(time.Hour)},
					{Name: "bad", DueAt: c.Now().Add(2 * time.Hour)},
					{Name: "c", DueAt: c.Now().Add(3 * time.Hour)},
				}}
			}, "a", "c")
			processmanager.OnTimer(m, "bad", func(s Shipping, _ processmanager.Fired) (Shipping, effects) {
				if broken {
					panic("no idea")
				}
				s.Steps = append(s.Steps, "bad")
				return s, effects{}
			})
			p.append("1", Placed{})
			require.Empty(t, p.steps(m, "1"))
			c.move(24 * time.Hour)
			require.Equal(t, []string{"a after 23h0m0s"}, p.steps(m, "1"))
			parked, err := m.Parked(t.Context())
			require.NoError(t, err)
			require.Len(t, parked, 1)
			require.Contains(t, parked[0].Reason, "panic: no idea")

			broken = false
			var want []string
			switch way {
			case "retry":
				require.NoError(t, m.Retry(t.Context(), "1"))
				want = []string{"a after 23h0m0s", "bad", "c after 21h0m0s"}
			case "skip":
				require.NoError(t, m.Skip(t.Context(), "1", "not needed"))
				want = []string{"a after 23h0m0s", "c after 21h0m0s"}
			case "fail":
				require.NoError(t, m.Fail(t.Context(), "1", "no use"))
				want = []string{"a after 23h0m0s"}
			}
			require.Equal(t, want, p.steps(m, "1"))
			parked, err = m.Parked(t.Context())
			require.NoError(t, err)
			require.Empty(t, parked)
		})
	}
}

// gated is a store whose subscriptions begin when the gate is open.
type gated struct {
	eventstore.Store
	open chan struct{}
}

func (s *gated) Subscribe(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.Batch, error] {
	select {
	case <-s.open:
	case <-ctx.Done():
	}
	return s.Store.Subscribe(ctx, after, filter)
}

// TestATimerWaitsForTheEventsBeforeIt is a downtime in which a timer came due, and before that an event that cancels it.
func TestATimerWaitsForTheEventsBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := newPlace(t), newClock()
		define := func(store eventstore.Store) *manager {
			q := *p
			q.store = store
			return timing(&q, c, func(amount int) effects {
				if amount > 0 {
					return effects{Cancel: []string{"a"}}
				}
				return effects{Schedule: []processmanager.Timer{{Name: "a", DueAt: c.Now().Add(time.Hour)}}}
			}, "a")
		}
		m := define(p.store)
		p.append("1", Placed{})
		require.Empty(t, p.steps(m, "1"))
		p.append("1", Placed{Amount: 1})
		c.move(2 * time.Hour)

		store := &gated{Store: p.store, open: make(chan struct{})}
		start(t, define(store))
		time.Sleep(20 * time.Second)
		instance, err := m.Instance(t.Context(), "1")
		require.NoError(t, err)
		require.Empty(t, instance.State.Steps)
		close(store.open)
		time.Sleep(time.Minute)
		require.Empty(t, p.steps(m, "1"))
		require.Empty(t, p.entries(m)[0].Timers)
	})
}
