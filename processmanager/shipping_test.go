package processmanager_test

import (
	"context"
	"errors"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// The process of these tests: an order is placed, its goods are reserved and its amount is charged; when it is paid the
// goods are shipped, and when the charge is refused they are released.

type OrderEvent interface{ order() }

type Placed struct{ Amount int }

func (Placed) order() {}

type Paid struct{}

func (Paid) order() {}

// Viewed is an event that is not for the process.
type Viewed struct{}

func (Viewed) order() {}

var orderEvents = eventstore.JSON("order", map[string]OrderEvent{
	"order.placed": Placed{},
	"order.paid":   Paid{},
	"order.viewed": Viewed{},
})

type Command interface{ command() }

type Reserve struct{ Amount int }

func (Reserve) command() {}

type Charge struct{ Amount int }

func (Charge) command() {}

type Ship struct{}

func (Ship) command() {}

type Release struct{}

func (Release) command() {}

var commands = eventstore.JSON("shipping", map[string]Command{
	"shipping.reserve": Reserve{},
	"shipping.charge":  Charge{},
	"shipping.ship":    Ship{},
	"shipping.release": Release{},
})

type Shipping struct {
	Amount int
	Steps  []string
}

// tooMuch is an amount that is refused.
const tooMuch = 1000

var errDeclined = errors.New("card was declined")

type (
	manager  = processmanager.Manager[Shipping, Command]
	effects  = processmanager.Effects[Command]
	command  = processmanager.Command[Command]
	dispatch = func(ctx context.Context, c command) error
	envelope = eventstore.Envelope[OrderEvent]
	route    = func(envelope) processmanager.Route
	reaction = func(Shipping, envelope) (Shipping, effects)
)

func send(commands ...Command) effects { return effects{Send: commands} }

func routeOrder(e eventstore.Envelope[OrderEvent]) processmanager.Route {
	if _, viewed := e.Event.(Viewed); viewed {
		return processmanager.Route{}
	}
	return processmanager.ByStream(e)
}

func reactToOrder(s Shipping, e eventstore.Envelope[OrderEvent]) (next Shipping, todo effects) {
	switch e := e.Event.(type) {
	case Placed:
		s.Amount = e.Amount
		s.Steps = append(s.Steps, "placed")
		return s, send(Reserve(e), Charge(e))
	case Paid:
		s.Steps = append(s.Steps, "paid")
		return s, effects{Send: []Command{Ship{}}, Complete: true}
	default:
		return s, effects{}
	}
}

func reactToRefusal(s Shipping, refused processmanager.Refused[Command]) (next Shipping, todo effects) {
	s.Steps = append(s.Steps, "refused: "+refused.Err.Error())
	return s, effects{Send: []Command{Release{}}, Complete: true}
}

// newShipping returns the manager of the process, without what reacts to refusals.
func newShipping(
	store eventstore.Store, agenda eventstore.Agenda, dispatch dispatch, opts *processmanager.Options,
) *manager {
	m := processmanager.New[Shipping]("shipping", store, agenda, commands, dispatch, opts)
	processmanager.On(m, orderEvents, routeOrder, reactToOrder)
	return m
}
