package processmanagertest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
	"github.com/pasttense/pasttense/processmanager/processmanagertest"
)

var (
	order42 = processmanagertest.Stream(events, "42")
	order43 = processmanagertest.Stream(events, "43")
	placed  = order42.Event(Placed{Amount: 10}).At(noon)
	paid    = order42.Event(Paid{})
	refused = processmanagertest.Refused(Charge{Amount: 10}, errDeclined)
)

// onPlaced returns a process that decides the same effects on all events, with timers "a" and "b" that do nothing.
func onPlaced(todo func(e eventstore.Envelope[Event]) effects) *manager {
	m := newManager(nil, nil, nil)
	processmanager.On(m, events, processmanager.ByStream,
		func(s State, e eventstore.Envelope[Event]) (State, effects) { return s, todo(e) })
	for _, name := range []string{"a", "b"} {
		processmanager.OnTimer(m, name, func(s State, _ processmanager.Fired) (State, effects) { return s, effects{} })
	}
	return m
}

func TestAScenarioServesSeveralTests(t *testing.T) {
	scenario := processmanagertest.Given(t, shipping(), placed)
	for range 2 {
		scenario.When(paid).Then(effects{Send: []Command{Ship{}}, Complete: true}).ThenTimers()
		scenario.When(refused).Then(effects{Fail: "card was declined"}).ThenUndone(Release{Amount: 10})
	}
}

func TestInstancesAreApart(t *testing.T) {
	processmanagertest.Given(t, shipping(), placed, paid, order43.Event(Placed{Amount: 11})).
		When(processmanagertest.Refused(Charge{Amount: 11}, errDeclined)).
		Then(effects{Fail: "card was declined"}).
		ThenState(State{Amount: 11})
}

func TestWhatIsIgnored(t *testing.T) {
	over := processmanagertest.Given(t, shipping(), placed, paid)
	over.When(placed).ThenIgnored().Then(effects{}).ThenUndone()
	over.When(refused).ThenIgnored()
	over.When(processmanagertest.Elapsed(48 * time.Hour)).ThenIgnored()
	over.When(processmanagertest.Dispatched(Charge{Amount: 10})).ThenIgnored()

	none := processmanagertest.Given(t, shipping())
	none.When(paid).ThenIgnored()
	require.Equal(t, "expected a state, but the process ignores the input",
		failure(t, func(s *spy) { processmanagertest.Given(s, shipping()).When(paid).ThenState(State{}) }))
	require.Equal(t, "expected timers, but the process ignores the input",
		failure(t, func(s *spy) { processmanagertest.Given(s, shipping()).When(paid).ThenTimers() }))
}

func TestAnEventThatWasKept(t *testing.T) {
	processmanagertest.Given(t, shipping(), paid.At(noon)).When(order42.Event(Placed{Amount: 10})).
		Then(effects{
			Send:     []Command{Reserve{Amount: 10}, Charge{Amount: 10}, Ship{}},
			Schedule: []processmanager.Timer{timer("reminder", noon.Add(8*time.Hour)), timer("deadline", noon.Add(24*time.Hour))},
			Complete: true,
		}).
		ThenTimers()
	processmanagertest.Given(t, shipping(), paid.At(noon), processmanagertest.Elapsed(2*time.Hour)).
		When(order42.Event(Placed{})).
		ThenTimers(timer("deadline", noon.Add(26*time.Hour)), timer("reminder", noon.Add(10*time.Hour)))
}

func TestTimersFireInOrderAsTimePasses(t *testing.T) {
	scenario := processmanagertest.Given(t, shipping(), placed)
	scenario.When(processmanagertest.Elapsed(8*time.Hour - time.Microsecond)).ThenIgnored()
	fired := scenario.When(processmanagertest.Elapsed(48 * time.Hour)).
		Then(effects{Send: []Command{Remind{}}, Fail: "nobody has paid"}).
		ThenUndone(Release{Amount: 10}).
		ThenState(State{Amount: 10, Reminded: 1}).
		Decisions()
	require.Len(t, fired, 2)
	for n, after := range []time.Duration{8 * time.Hour, 24 * time.Hour} {
		input := fired[n].After.Inputs[n+1].Timer
		require.Equal(t, noon.Add(after), input.FiredAt)
		require.Equal(t, noon.Add(after), input.DueAt)
	}
	scenario.When(paid.At(noon.Add(23 * time.Hour))).
		Then(effects{Send: []Command{Ship{}}, Complete: true}).
		ThenState(State{Amount: 10, Reminded: 1})
	scenario.When(paid.At(noon.Add(25 * time.Hour))).ThenIgnored()
}

func TestOneTimerFires(t *testing.T) {
	scenario := processmanagertest.Given(t, shipping(), placed)
	scenario.When(processmanagertest.TimerFired("reminder")).Then(send(Remind{})).
		ThenTimers(timer("deadline", noon.Add(24*time.Hour)))
	scenario.When(processmanagertest.TimerFired("deadline")).Then(effects{Fail: "nobody has paid"}).
		ThenState(State{Amount: 10, Reminded: 1})

	two := onPlaced(func(e eventstore.Envelope[Event]) effects {
		return effects{Cancel: []string{"b"}, Schedule: []processmanager.Timer{timer("b", e.RecordedAt), timer("a", e.RecordedAt)}}
	})
	decided := processmanagertest.Given(t, two, processmanagertest.Together(order43.Event(Paid{}), placed)).
		When(processmanagertest.TimerFired("b")).Decisions()
	require.Len(t, decided, 1)
	require.Equal(t, "42", decided[0].After.Key)
}

func TestWhatWasDispatchedIsUndone(t *testing.T) {
	processmanagertest.Given(t, shipping(), placed).
		When(processmanagertest.TimerFired("deadline")).
		ThenUndone(Release{Amount: 10})
	processmanagertest.Given(t, shipping(), placed, processmanagertest.Dispatched(Reserve{Amount: 10})).
		When(processmanagertest.TimerFired("deadline")).
		ThenUndone(Refund{Amount: 10}, Release{Amount: 10})
}

func TestCommandsThatAreEqualAreSettledInTurn(t *testing.T) {
	m := onPlaced(func(eventstore.Envelope[Event]) effects { return send(Ship{}, Charge{}, Ship{}) })
	ship := processmanagertest.Refused(Ship{}, errDeclined)
	processmanagertest.Given(t, m, placed, processmanagertest.Dispatched(Charge{})).When(ship).ThenIgnored()
	processmanagertest.Given(t, m, placed, ship).When(ship).ThenIgnored()
	said := failure(t, func(s *spy) { processmanagertest.Given(s, m, placed, ship, ship).When(ship) })
	require.Equal(t, "the process has no such command to dispatch: processmanagertest_test.Ship {Address:[]}", said)
}

func TestEventsHaveIdentityAndTime(t *testing.T) {
	m := newManager(nil, nil, nil)
	var seen []eventstore.Envelope[Event]
	processmanager.On(m, events, processmanager.ByStream,
		func(s State, e eventstore.Envelope[Event]) (State, effects) {
			seen = append(seen, e)
			return s, effects{}
		})
	processmanagertest.Given(t, m) // plays nothing
	scenario := processmanagertest.Given(t, m, placed, processmanagertest.Elapsed(time.Hour))
	seen = nil
	scenario.When(processmanagertest.Together(paid, order43.Event(Paid{}).At(noon), placed.At(noon.Add(2*time.Hour))))
	seen = seen[2:] // the past
	require.Len(t, seen, 6, "each reaction is called twice")
	require.Equal(t, noon.Add(2*time.Hour), seen[0].RecordedAt)
	require.EqualValues(t, 2, seen[0].Version)
	require.Equal(t, "42", seen[0].Stream.Key)
	require.Equal(t, noon.Add(2*time.Hour), seen[2].RecordedAt)
	require.EqualValues(t, 3, seen[2].Version)
	require.NotEqual(t, seen[0].ID, seen[2].ID)
	require.Equal(t, noon, seen[4].RecordedAt, "it was recorded late")
	require.Equal(t, eventstore.StreamID{Category: "order", Key: "43"}, seen[4].Stream)
}

func TestFailuresSayWhatDiffers(t *testing.T) {
	m := onPlaced(func(e eventstore.Envelope[Event]) effects {
		return effects{
			Send: []Command{Charge{Amount: 10}}, Cancel: []string{"b"},
			Schedule: []processmanager.Timer{timer("a", e.RecordedAt.Add(time.Hour))},
		}
	})
	type outcome = *processmanagertest.Outcome[State, Command]
	for name, c := range map[string]struct {
		test func(o outcome)
		want string
	}{
		"another command": {
			func(o outcome) { o.Then(send(Charge{Amount: 11})) },
			"the process decided other effects (- expected, + decided):\n" +
				"    - send processmanagertest_test.Charge {Amount:11}\n" +
				"    + send processmanagertest_test.Charge {Amount:10}\n" +
				"    + cancel b\n" +
				"    + schedule a at 2030-01-01T13:00:00Z",
		},
		"another end": {
			func(o outcome) {
				o.Then(effects{Send: []Command{Charge{Amount: 10}, Ship{}}, Cancel: []string{"b"}, Fail: "no", Complete: true})
			},
			"the process decided other effects (- expected, + decided):\n" +
				"      send processmanagertest_test.Charge {Amount:10}\n" +
				"    - send processmanagertest_test.Ship {Address:[]}\n" +
				"      cancel b\n" +
				"    - complete\n" +
				"    - fail: no\n" +
				"    + schedule a at 2030-01-01T13:00:00Z",
		},
		"a state": {
			func(o outcome) { o.ThenState(State{Amount: 10}) },
			"the state is another (- expected, + actual):\n" +
				"    - Amount: 10\n" +
				"    + Amount: 0\n" +
				"      Reminded: 0",
		},
		"timers": {
			func(o outcome) { o.ThenTimers(timer("a", noon)) },
			"other timers are set (- expected, + set):\n" +
				"    - a at 2030-01-01T12:00:00Z\n" +
				"    + a at 2030-01-01T13:00:00Z",
		},
		"undone": {
			func(o outcome) { o.ThenUndone(Release{}) },
			"other commands undo what was done (- expected, + decided):\n" +
				"    - undo by processmanagertest_test.Release {Amount:0}",
		},
		"not ignored": {
			func(o outcome) { o.ThenIgnored() },
			"expected the input to be ignored, but instance \"42\" decided:\n" +
				"      send processmanagertest_test.Charge {Amount:10}\n" +
				"      cancel b\n" +
				"      schedule a at 2030-01-01T13:00:00Z",
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, failure(t, func(s *spy) {
				c.test(processmanagertest.Given(s, m).When(placed))
			}))
		})
	}
}

// TestFailuresShowWhatLooksTheSame is an empty slice where there should be none.
func TestFailuresShowWhatLooksTheSame(t *testing.T) {
	said := failure(t, func(s *spy) {
		processmanagertest.Given(s, shipping(), placed).
			When(paid).
			Then(effects{Send: []Command{Ship{Address: []string{}}}, Complete: true})
	})
	require.Contains(t, said, "- send processmanagertest_test.Ship{Address:[]string{}}")
	require.Contains(t, said, "+ send processmanagertest_test.Ship{Address:[]string(nil)}")
}

type foreign struct{ Event }

// wrong are processes whose reaction to an event, a refusal or a timer is wrong.
func wrong(reaction func(s State) (State, effects)) (event, refusal, timers *manager) {
	event = newManager(nil, nil, nil)
	processmanager.On(event, events, processmanager.ByStream,
		func(s State, _ eventstore.Envelope[Event]) (State, effects) { return reaction(s) })
	sets := effects{Send: []Command{Ship{}}, Schedule: []processmanager.Timer{timer("b", noon)}}
	refusal, timers = newManager(nil, nil, nil), newManager(nil, nil, nil)
	for _, m := range []*manager{refusal, timers} {
		processmanager.On(m, events, processmanager.ByStream,
			func(s State, _ eventstore.Envelope[Event]) (State, effects) { return s, sets })
		processmanager.OnRefused(m, func(s State, _ processmanager.Refused[Command]) (State, effects) { return reaction(s) })
		processmanager.OnTimer(m, "b", func(s State, _ processmanager.Fired) (State, effects) { return reaction(s) })
	}
	return event, refusal, timers
}

func TestReactionsThatFailEndTheTest(t *testing.T) {
	calls := 0
	for want, reaction := range map[string]func(s State) (State, effects){
		"not pure": func(State) (State, effects) {
			calls++
			return State{Amount: calls}, effects{}
		},
		"panic: no idea":                 func(State) (State, effects) { panic("no idea") },
		"there is no OnTimer for it":     func(s State) (State, effects) { return s, effects{Schedule: []processmanager.Timer{timer("c", noon)}} },
		"cannot complete and fail":       func(s State) (State, effects) { return s, effects{Complete: true, Fail: "no"} },
		"processmanagertest_test.Excuse": func(s State) (State, effects) { return s, send(Excuse{}) },
	} {
		t.Run(want, func(t *testing.T) {
			event, refusal, timers := wrong(reaction)
			for _, test := range []func(s *spy){
				func(s *spy) { processmanagertest.Given(s, event).When(placed) },
				func(s *spy) {
					processmanagertest.Given(s, refusal, placed).When(processmanagertest.Refused(Ship{}, errDeclined))
				},
				func(s *spy) { processmanagertest.Given(s, timers, placed).When(processmanagertest.TimerFired("b")) },
			} {
				said := failure(t, test)
				require.Contains(t, said, want)
				require.NotContains(t, said, "%!")
			}
		})
	}
}

// Excuse is a command that the codec does not know.
type Excuse struct{}

func (Excuse) command() {}

// endless returns a process with a timer that sets itself.
func endless() *manager {
	m := newManager(nil, nil, nil)
	sets := effects{Schedule: []processmanager.Timer{timer("a", noon)}}
	processmanager.On(m, events, processmanager.ByStream,
		func(s State, _ eventstore.Envelope[Event]) (State, effects) { return s, sets })
	processmanager.OnTimer(m, "a", func(s State, _ processmanager.Fired) (State, effects) { return s, sets })
	return m
}

func TestWhatCannotBePlayedEndsTheTest(t *testing.T) {
	split := newManager(nil, nil, nil)
	processmanager.On(split, twice{events},
		func(e eventstore.Envelope[Event]) processmanager.Route {
			return processmanager.Start(fmt.Sprintf("%T", e.Event))
		}, react)
	for want, test := range map[string]func(s *spy){
		"input 1 of the past: encode event": func(s *spy) {
			processmanagertest.Given(s, shipping(), placed, order42.Event(foreign{}))
		},
		"is not in its codec": func(s *spy) {
			processmanagertest.Given(s, shipping()).When(order42.Event(foreign{}))
		},
		"has no such command to dispatch: processmanagertest_test.Ship {Address:[]}": func(s *spy) {
			processmanagertest.Given(s, shipping(), placed).When(processmanagertest.Refused(Ship{}, errDeclined))
		},
		"has no such command to dispatch: processmanagertest_test.Charge {Amount:10}": func(s *spy) {
			processmanagertest.Given(s, shipping(), placed, refused).When(refused)
		},
		"without an error": func(s *spy) {
			processmanagertest.Given(s, shipping(), placed).When(processmanagertest.Refused(Charge{Amount: 10}, nil))
		},
		`timer "x" is not set`: func(s *spy) {
			processmanagertest.Given(s, shipping(), placed).When(processmanagertest.TimerFired("x"))
		},
		`timer "deadline" is not set`: func(s *spy) {
			processmanagertest.Given(s, shipping(), placed, paid).When(processmanagertest.TimerFired("deadline"))
		},
		"time does not go backwards": func(s *spy) {
			processmanagertest.Given(s, shipping()).When(processmanagertest.Elapsed(-1))
		},
		"only events can come together": func(s *spy) {
			processmanagertest.Given(s, shipping()).When(processmanagertest.Together(placed, refused))
		},
		"they never end": func(s *spy) {
			processmanagertest.Given(s, endless(), placed).When(processmanagertest.Elapsed(0))
		},
		"they must be for one": func(s *spy) { processmanagertest.Given(s, split).When(placed) },
		`instances "42" and "43" have decided`: func(s *spy) {
			processmanagertest.Given(s, shipping()).
				When(processmanagertest.Together(placed, order43.Event(Placed{}))).
				Then(effects{})
		},
	} {
		t.Run(want, func(t *testing.T) {
			said := failure(t, test)
			require.Contains(t, said, want)
			require.NotContains(t, said, "%!")
		})
	}
}

// twice is a codec that makes two events of each.
type twice struct{ eventstore.Codec[Event] }

func (c twice) Decode(recorded eventstore.RecordedEvent) ([]Event, error) {
	one, err := c.Codec.Decode(recorded)
	return append(one, Paid{}), err
}
