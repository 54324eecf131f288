package processmanagertest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
	"github.com/pasttense/pasttense/processmanager/processmanagertest"
)

type Event interface{ order() }

type Placed struct{ Amount int }

func (Placed) order() {}

type Paid struct{}

func (Paid) order() {}

var events = eventstore.JSON("order", map[string]Event{
	"order.placed": Placed{},
	"order.paid":   Paid{},
})

type Command interface{ command() }

type Charge struct{ Amount int }

func (Charge) command() {}

type Ship struct{ Address []string }

func (Ship) command() {}

type Excuse struct{}

func (Excuse) command() {}

var commands = eventstore.JSON("shipping", map[string]Command{
	"shipping.charge": Charge{},
	"shipping.ship":   Ship{},
	"shipping.excuse": Excuse{},
})

type State struct {
	Amount  int
	Refused bool
}

type effects = processmanager.Effects[Command]

func send(commands ...Command) effects { return effects{Send: commands} }

func newManager() *processmanager.Manager[State, Command] {
	drop := func(context.Context, processmanager.Command[Command]) error { return nil }
	return processmanager.New[State]("shipping", nil, nil, commands, drop, nil)
}

func shipping() *processmanager.Manager[State, Command] {
	m := newManager()
	processmanager.On(m, events, processmanager.ByStream, func(s State, e eventstore.Envelope[Event]) (State, effects) {
		switch e := e.Event.(type) {
		case Placed:
			return State{Amount: e.Amount}, send(Charge(e))
		case Paid:
			return s, effects{Send: []Command{Ship{}}, Complete: true}
		default:
			return s, effects{}
		}
	})
	processmanager.OnRefused(m, func(s State, _ processmanager.Refused[Command]) (State, effects) {
		s.Refused = true
		return s, send(Excuse{})
	})
	return m
}

var errDeclined = errors.New("card was declined")

// printer stands for the *testing.T of a test.
type printer struct{ testing.TB }

func (printer) Helper() {}

func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func Example() {
	t := printer{} // in a test: the t of its argument

	order42 := processmanagertest.Stream(events, "42")
	placed := order42.Event(Placed{Amount: 10})
	paid := order42.Event(Paid{})

	processmanagertest.Given(t, shipping(), placed).
		When(paid).
		Then(effects{Send: []Command{Ship{}}, Complete: true}).
		ThenState(State{Amount: 10})

	processmanagertest.Given(t, shipping(), placed).
		When(processmanagertest.Refused(Charge{Amount: 10}, errDeclined)).
		Then(effects{Complete: true}) // wrong: the test fails, and says how

	// Output:
	// the process decided other effects (- expected, + decided):
	//     - complete
	//     + send processmanagertest_test.Excuse {}
}
