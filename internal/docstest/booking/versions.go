package booking

import (
	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/flight"
	"github.com/pasttense/pasttense/internal/docstest/trip"
	"github.com/pasttense/pasttense/processmanager"
)

// Journey is the state of version 2.
type Journey struct {
	Flight string `json:"flight"` // asked, held or ticketed
}

// reactToTrip2 books the hotel first.
func reactToTrip2(s Journey, e eventstore.Envelope[trip.Event]) (Journey, effects) {
	switch event := e.Event.(type) {
	case trip.Requested:
		s.Flight = "asked"
		return s, effects{Send: []Command{BookHotel{In: event.To}, BookFlight{To: event.To}, BookCar{In: event.To}}}
	case trip.Confirmed:
		return s, effects{Complete: true}
	default:
		return s, effects{}
	}
}

func reactToFlight2(s Journey, e eventstore.Envelope[flight.Event]) (Journey, effects) {
	_, todo := reactToFlight(State{}, e)
	switch e.Event.(type) {
	case flight.Held:
		s.Flight = "held"
	case flight.Ticketed:
		s.Flight = "ticketed"
	}
	return s, todo
}

func reactToNoTicket2(s Journey, fired processmanager.Fired) (Journey, effects) {
	_, todo := reactToNoTicket(State{}, fired)
	return s, todo
}

func reactToRefusal2(s Journey, refused processmanager.Refused[Command]) (Journey, effects) {
	_, todo := reactToRefusal(State{}, refused)
	return s, todo
}

// New2 returns version 2 of the process, which does not know version 1.
func New2(
	store eventstore.Store, agenda eventstore.Agenda, agency Agency,
) *processmanager.Manager[Journey, Command] {
	dispatch := dispatchTo(aggregate.New[trip.Trip](store, trip.Events, nil), agency)
	m := processmanager.New[Journey]("booking", store, agenda, Commands, dispatch, &processmanager.Options{Version: 2})
	processmanager.On(m, trip.Events, byTrip, reactToTrip2)
	processmanager.On(m, flight.Events, byFlight, reactToFlight2)
	processmanager.OnTimer(m, "ticket", reactToNoTicket2)
	processmanager.OnRefused(m, reactToRefusal2)
	return m
}

// KeepVersion1 lets the instances of version 1 finish by it.
func KeepVersion1(m *processmanager.Manager[Journey, Command]) {
	old := processmanager.Former[State](m, 1)
	processmanager.On(old, trip.Events, byTrip, reactToTrip)
	processmanager.On(old, flight.Events, byFlight, reactToFlight)
	processmanager.OnTimer(old, "ticket", reactToNoTicket)
	processmanager.OnRefused(old, reactToRefusal)
}

// MigrateVersion1 lets the instances of version 1 go on by version 2.
func MigrateVersion1(m *processmanager.Manager[Journey, Command]) {
	processmanager.Migrate(m, 1, func(old State) (Journey, error) {
		if old.Held {
			return Journey{Flight: "held"}, nil
		}
		return Journey{Flight: "asked"}, nil
	})
}
