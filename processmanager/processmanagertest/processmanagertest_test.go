package processmanagertest_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
	"github.com/pasttense/pasttense/processmanager/processmanagertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// spy is a test that may fail.
type spy struct {
	testing.TB
	messages []string
	ended    bool
}

func (*spy) Helper() {}

func (s *spy) Errorf(format string, args ...any) {
	s.messages = append(s.messages, fmt.Sprintf(format, args...))
}

func (s *spy) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	s.ended = true
	runtime.Goexit()
}

func (s *spy) Fatal(args ...any) { s.Fatalf("%s", fmt.Sprint(args...)) }

// failure returns what a test says that must fail.
func failure(t *testing.T, test func(s *spy)) string {
	t.Helper()
	s := &spy{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(s)
	}()
	<-done
	require.Len(t, s.messages, 1, "the test fails once")
	return s.messages[0]
}

var (
	order42 = processmanagertest.Stream(events, "42")
	order43 = processmanagertest.Stream(events, "43")
	placed  = order42.Event(Placed{Amount: 10})
	paid    = order42.Event(Paid{})
)

func TestAScenarioServesSeveralTests(t *testing.T) {
	scenario := processmanagertest.Given(t, shipping(), placed)
	for range 2 {
		scenario.When(paid).Then(effects{Send: []Command{Ship{}}, Complete: true})
		scenario.When(processmanagertest.Refused(Charge{Amount: 10}, errDeclined)).
			Then(send(Excuse{})).
			ThenState(State{Amount: 10, Refused: true})
	}
}

func TestInstancesAreApart(t *testing.T) {
	processmanagertest.Given(t, shipping(),
		placed, paid, order43.Event(Placed{Amount: 11}),
	).
		When(processmanagertest.Refused(Charge{Amount: 11}, errDeclined)).
		Then(send(Excuse{})).
		ThenState(State{Amount: 11, Refused: true})
}

func TestWhatACompleteInstanceIgnores(t *testing.T) {
	scenario := processmanagertest.Given(t, shipping(), placed, paid)
	scenario.When(placed).ThenIgnored().Then(effects{})
	scenario.When(processmanagertest.Refused(Charge{Amount: 10}, errDeclined)).ThenIgnored()
	require.Equal(t, "expected a state, but the process ignores the input", failure(t, func(s *spy) {
		processmanagertest.Given(s, shipping(), placed, paid).When(placed).ThenState(State{})
	}))
}

func TestRefusalsWithoutReactionAreIgnored(t *testing.T) {
	m := newManager()
	processmanager.On(m, events, processmanager.ByStream,
		func(s State, _ eventstore.Envelope[Event]) (State, effects) {
			return s, send(Ship{Address: []string{"a"}})
		})
	processmanagertest.Given(t, m, placed).
		When(processmanagertest.Refused(Ship{Address: []string{"a"}}, errDeclined)).
		ThenIgnored()
}

func TestEventsHaveIdentityOrderAndTime(t *testing.T) {
	m := newManager()
	var seen []eventstore.Envelope[Event]
	processmanager.On(m, events, processmanager.ByStream,
		func(s State, e eventstore.Envelope[Event]) (State, effects) {
			if len(seen) == 0 || seen[len(seen)-1].ID != e.ID { // each reaction is called twice
				seen = append(seen, e)
			}
			return s, effects{}
		})
	later := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	processmanagertest.Given(t, m, placed, order43.Event(Paid{})).When(paid.At(later))
	require.Len(t, seen, 3)
	require.EqualValues(t, 1, seen[0].Version)
	require.EqualValues(t, 1, seen[1].Version)
	require.EqualValues(t, 2, seen[2].Version)
	require.EqualValues(t, 3, seen[2].Position)
	require.Equal(t, time.Second, seen[1].RecordedAt.Sub(seen[0].RecordedAt))
	require.Equal(t, later, seen[2].RecordedAt)
	require.Equal(t, eventstore.StreamID{Category: "order", Key: "42"}, seen[2].Stream)
}

func TestFailuresSayWhatDiffers(t *testing.T) {
	when := func(test func(o *processmanagertest.Outcome[State, Command])) string {
		return failure(t, func(s *spy) { test(processmanagertest.Given(s, shipping()).When(placed)) })
	}
	type outcome = *processmanagertest.Outcome[State, Command]
	for name, c := range map[string]struct {
		test func(o outcome)
		want string
	}{
		"another command": {
			func(o outcome) { o.Then(send(Charge{Amount: 11})) },
			"the process decided other effects (- expected, + decided):\n" +
				"    - send processmanagertest_test.Charge {Amount:11}\n" +
				"    + send processmanagertest_test.Charge {Amount:10}",
		},
		"one too many": {
			func(o outcome) { o.Then(effects{Send: []Command{Charge{Amount: 10}, Ship{}}, Complete: true}) },
			"the process decided other effects (- expected, + decided):\n" +
				"      send processmanagertest_test.Charge {Amount:10}\n" +
				"    - send processmanagertest_test.Ship {Address:[]}\n" +
				"    - complete",
		},
		"nothing": {
			func(o outcome) { o.Then(effects{}) },
			"the process decided other effects (- expected, + decided):\n" +
				"    + send processmanagertest_test.Charge {Amount:10}",
		},
		"a state": {
			func(o outcome) { o.ThenState(State{Amount: 10, Refused: true}) },
			"the state is another (- expected, + actual):\n" +
				"      Amount: 10\n" +
				"    - Refused: true\n" +
				"    + Refused: false",
		},
		"not ignored": {
			func(o outcome) { o.ThenIgnored() },
			"expected the input to be ignored, but instance \"42\" decided:\n" +
				"      send processmanagertest_test.Charge {Amount:10}",
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, when(c.test)) })
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

func TestWhatCannotBePlayedEndsTheTest(t *testing.T) {
	type foreign struct{ Event }
	impure := newManager()
	calls := 0
	processmanager.On(impure, events, processmanager.ByStream,
		func(_ State, _ eventstore.Envelope[Event]) (State, effects) {
			calls++
			return State{Amount: calls}, effects{}
		})
	panics := newManager()
	processmanager.On(panics, events, processmanager.ByStream,
		func(State, eventstore.Envelope[Event]) (State, effects) { panic("no idea") })

	for want, test := range map[string]func(s *spy){
		"input 1 of the past: encode event": func(s *spy) {
			processmanagertest.Given(s, shipping(), placed, order42.Event(foreign{}))
		},
		"is not in its codec": func(s *spy) {
			processmanagertest.Given(s, shipping()).When(order42.Event(foreign{}))
		},
		"the process has not sent the command that is refused: processmanagertest_test.Ship {Address:[]}": func(s *spy) {
			processmanagertest.Given(s, shipping(), placed).When(processmanagertest.Refused(Ship{}, errDeclined))
		},
		"without an error": func(s *spy) {
			processmanagertest.Given(s, shipping(), placed).When(processmanagertest.Refused(Charge{Amount: 10}, nil))
		},
		"not pure":        func(s *spy) { processmanagertest.Given(s, impure, placed) },
		"panic: no idea":  func(s *spy) { processmanagertest.Given(s, panics).When(placed) },
		"for 2 instances": func(s *spy) { processmanagertest.Given(s, split()).When(placed).Then(effects{}) },
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

// split is a process that has two instances decide on each event.
func split() *processmanager.Manager[State, Command] {
	m := newManager()
	processmanager.On(m, twice{events},
		func(e eventstore.Envelope[Event]) string { return fmt.Sprintf("%T", e.Event) },
		func(s State, _ eventstore.Envelope[Event]) (State, effects) { return s, effects{Complete: true} })
	return m
}

func TestDecisionsOfSeveralInstances(t *testing.T) {
	decisions := processmanagertest.Given(t, split()).When(placed).Decisions()
	require.Len(t, decisions, 2)
	require.Equal(t, "processmanagertest_test.Placed", decisions[0].Instance)
	require.Equal(t, "processmanagertest_test.Paid", decisions[1].Instance)
	require.True(t, decisions[1].Effects.Complete)
}
