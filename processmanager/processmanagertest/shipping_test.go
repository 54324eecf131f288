package processmanagertest_test

import (
	"context"
	"errors"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// The process of these tests: an order is placed, its goods are reserved and its amount is charged; when it is paid the
// goods are shipped. When the charge is refused, or nobody has paid for a day, what was done is undone.

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

type Reserve struct{ Amount int }

func (Reserve) command() {}

func (r Reserve) Undo() Command { return Release(r) }

type Charge struct{ Amount int }

func (Charge) command() {}

func (c Charge) Undo() Command { return Refund(c) }

type Refund struct{ Amount int }

func (Refund) command() {}

type Release struct{ Amount int }

func (Release) command() {}

type Ship struct{ Address []string }

func (Ship) command() {}

type Remind struct{}

func (Remind) command() {}

var commands = eventstore.JSON("shipping", map[string]Command{
	"shipping.reserve": Reserve{},
	"shipping.charge":  Charge{},
	"shipping.refund":  Refund{},
	"shipping.release": Release{},
	"shipping.ship":    Ship{},
	"shipping.remind":  Remind{},
})

type State struct {
	Amount   int
	Reminded int
}

type (
	manager  = processmanager.Manager[State, Command]
	effects  = processmanager.Effects[Command]
	command  = processmanager.Command[Command]
	dispatch = func(ctx context.Context, c command) error
)

func send(commands ...Command) effects { return effects{Send: commands} }

var (
	noon        = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	errDeclined = errors.New("card was declined")
)

func timer(name string, at time.Time) processmanager.Timer {
	return processmanager.Timer{Name: name, DueAt: at}
}

func newManager(store eventstore.Store, agenda eventstore.Agenda, d dispatch) *manager {
	if d == nil {
		d = func(context.Context, command) error { return nil }
	}
	return processmanager.New[State]("shipping", store, agenda, commands, d, nil)
}

func react(s State, e eventstore.Envelope[Event]) (next State, todo effects) {
	switch event := e.Event.(type) {
	case Placed:
		return State{Amount: event.Amount}, effects{
			Send: []Command{Reserve(event), Charge(event)},
			Schedule: []processmanager.Timer{
				timer("reminder", e.RecordedAt.Add(8*time.Hour)), timer("deadline", e.RecordedAt.Add(24*time.Hour)),
			},
		}
	case Paid:
		return s, effects{Send: []Command{Ship{}}, Complete: true}
	default:
		return s, effects{}
	}
}

func route(e eventstore.Envelope[Event]) processmanager.Route {
	if _, isPlaced := e.Event.(Placed); isPlaced {
		return processmanager.Start(e.Stream.Key)
	}
	return processmanager.Continue(e.Stream.Key).OrKeep(time.Hour)
}

func shippingIn(store eventstore.Store, agenda eventstore.Agenda, d dispatch) *manager {
	m := newManager(store, agenda, d)
	processmanager.On(m, events, route, react)
	processmanager.OnTimer(m, "reminder", func(s State, _ processmanager.Fired) (State, effects) {
		s.Reminded++
		return s, send(Remind{})
	})
	processmanager.OnTimer(m, "deadline", func(s State, _ processmanager.Fired) (State, effects) {
		return s, effects{Fail: "nobody has paid"}
	})
	processmanager.OnRefused(m, func(s State, r processmanager.Refused[Command]) (State, effects) {
		if _, isCharge := r.Command.Command.(Charge); isCharge {
			return s, effects{Fail: r.Err.Error()}
		}
		return s, effects{}
	})
	return m
}

func shipping() *manager { return shippingIn(nil, nil, nil) }
