package processmanager_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/processmanager"
)

// routed is a process that routes a Placed by one route and a Paid by another, and notes both in its state.
func routed(p *place, placed, paid processmanager.Route) *manager {
	m := processmanager.New[Shipping]("shipping", p.store, p.agenda, commands, p.receive, options())
	processmanager.On(m, orderEvents, func(e eventstore.Envelope[OrderEvent]) processmanager.Route {
		if _, isPaid := e.Event.(Paid); isPaid {
			return paid
		}
		return placed
	}, func(s Shipping, e eventstore.Envelope[OrderEvent]) (Shipping, effects) {
		if _, isPaid := e.Event.(Paid); isPaid {
			s.Steps = append(s.Steps, "paid")
		} else {
			s.Steps = append(s.Steps, "placed")
		}
		return s, effects{}
	})
	return m
}

func TestRoutes(t *testing.T) {
	start, next := processmanager.Start("x"), processmanager.Continue("x")
	for name, c := range map[string]struct {
		placed, paid processmanager.Route
		events       []OrderEvent
		steps        []string
		ignored      []string
	}{
		"started and continued": {
			start, next, []OrderEvent{Placed{}, Paid{}}, []string{"placed", "paid"}, nil,
		},
		"continued before the start": {start, next, []OrderEvent{Paid{}, Placed{}}, []string{"placed"}, nil},
		"started twice": {
			start, next, []OrderEvent{Placed{}, Placed{}}, []string{"placed"}, []string{"the instance has started already"},
		},
		"kept until the start": {
			start, next.OrKeep(time.Hour), []OrderEvent{Paid{}, Paid{}, Placed{}}, []string{"placed", "paid", "paid"}, nil,
		},
		"either way": {
			processmanager.StartOrContinue("x"), processmanager.StartOrContinue("x"),
			[]OrderEvent{Paid{}, Placed{}},
			[]string{"paid", "placed"},
			nil,
		},
		"for nobody, as the key is empty": {
			processmanager.Start(""), processmanager.Route{}, []OrderEvent{Paid{}, Placed{}}, nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.append("1", c.events...)
			m := routed(p, c.placed, c.paid)
			for range 2 { // all events come again
				require.NoError(t, m.CatchUp(t.Context()))
				instance, err := m.Instance(t.Context(), "x")
				require.NoError(t, err)
				require.Equal(t, c.steps, instance.State.Steps)
				var ignored []string
				for _, input := range instance.Inputs {
					if input.Ignored != "" {
						ignored = append(ignored, input.Ignored)
					}
				}
				require.Equal(t, c.ignored, ignored)
				p.agenda = memstore.NewTarget(nil)
				m = routed(p, c.placed, c.paid)
			}
		})
	}
}

// TestAnEventForNobodyYetCanBeAnError parks it, and what comes later waits until somebody decides.
func TestAnEventForNobodyYetCanBeAnError(t *testing.T) {
	p := newPlace(t)
	p.append("1", Paid{}, Placed{})
	m := routed(p, processmanager.Start("x"), processmanager.Continue("x").OrFail())
	require.NoError(t, m.CatchUp(t.Context()))
	parked, err := m.Parked(t.Context())
	require.NoError(t, err)
	require.Len(t, parked, 1)
	require.Contains(t, parked[0].Reason, `instance "x" has not started`)
	require.Empty(t, p.stream("$pm.shipping", "x"))

	require.NoError(t, m.Skip(t.Context(), "x", "paid in cash"))
	require.NoError(t, m.CatchUp(t.Context()))
	instance, err := m.Instance(t.Context(), "x")
	require.NoError(t, err)
	require.Equal(t, []string{"placed"}, instance.State.Steps)
	require.Equal(t, "paid in cash", instance.Inputs[0].Ignored)
}

// TestWhatIsKeptIsGivenUpInTime holds both: an instance that starts too late, and one that never starts.
func TestWhatIsKeptIsGivenUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		m := routed(p, processmanager.Start("x"), processmanager.Continue("x").OrKeep(time.Hour))
		p.append("1", Paid{})
		require.NoError(t, m.CatchUp(t.Context()))
		instance, err := m.Instance(t.Context(), "x")
		require.NoError(t, err)
		require.Equal(t, processmanager.StatusWaiting, instance.Status)
		require.True(t, instance.Inputs[0].Kept)
		require.Len(t, p.entries(m), 1, "it is listed")

		time.Sleep(time.Hour + time.Second)
		p.append("1", Placed{})
		require.NoError(t, m.CatchUp(t.Context()))
		instance, err = m.Instance(t.Context(), "x")
		require.NoError(t, err)
		require.Equal(t, []string{"placed"}, instance.State.Steps)

		p.append("2", Paid{})
		other := routed(p, processmanager.Start("y"), processmanager.Continue("y").OrKeep(time.Hour))
		require.NoError(t, other.CatchUp(t.Context()))
		time.Sleep(time.Hour + time.Second)
		require.NoError(t, other.CatchUp(t.Context()))
		instance, err = other.Instance(t.Context(), "y")
		require.NoError(t, err)
		require.Contains(t, instance.Inputs[1].Ignored, "given up")
		for _, entry := range p.entries(m) {
			require.NotEqual(t, "y", entry.Instance, "nothing is left of it")
		}
	})
}

// TestWhatIsKeptWaitsForAParkedStart holds that an instance was not too late to start where its start was parked
// meanwhile.
func TestWhatIsKeptWaitsForAParkedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, broken := newPlace(t), true
		m := p.reacting(options(), func(e envelope) processmanager.Route {
			if _, isPaid := e.Event.(Paid); isPaid {
				return processmanager.Continue(e.Stream.Key).OrKeep(time.Hour)
			}
			return processmanager.Start(e.Stream.Key)
		}, func(s Shipping, e envelope) (Shipping, effects) {
			if broken {
				panic("a bug")
			}
			next, _ := reactToOrder(s, e)
			return next, effects{}
		})
		p.append("1", Paid{}, Placed{})
		require.NoError(t, m.CatchUp(t.Context()))
		time.Sleep(2 * time.Hour)
		require.NoError(t, m.CatchUp(t.Context()))
		broken = false
		require.NoError(t, m.Retry(t.Context(), "1"))
		require.Equal(t, []string{"placed", "paid"}, p.steps(m, "1"))
	})
}

// TestARetryPassesAnEventThatIsForNobodyNow is a mistake that is corrected in the route, not in the reaction.
func TestARetryPassesAnEventThatIsForNobodyNow(t *testing.T) {
	p := newPlace(t)
	p.append("1", Viewed{}, Paid{})
	react := func(s Shipping, e envelope) (Shipping, effects) {
		if _, isViewed := e.Event.(Viewed); isViewed {
			panic("not meant for this process")
		}
		return reactToOrder(s, e)
	}
	m := p.reacting(options(), processmanager.ByStream, react)
	require.NoError(t, m.CatchUp(t.Context()))
	require.Len(t, p.parked(m), 1)

	corrected := p.reacting(options(), routeOrder, react)
	require.NoError(t, corrected.Retry(t.Context(), "1"))
	require.Equal(t, []string{"paid"}, p.steps(corrected, "1"))
	require.Empty(t, p.parked(corrected))
}
