package booking

import (
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/flight"
	"github.com/pasttense/pasttense/internal/docstest/trip"
	"github.com/pasttense/pasttense/processmanager"
)

// State is what the process remembers of a trip.
type State struct {
	Held bool `json:"held,omitempty"` // whether the airline has answered
}

type effects = processmanager.Effects[Command]

func reactToTrip(s State, e eventstore.Envelope[trip.Event]) (State, effects) {
	switch event := e.Event.(type) {
	case trip.Requested:
		return s, effects{Send: []Command{
			BookFlight{To: event.To}, BookHotel{In: event.To}, BookCar{In: event.To},
		}}
	case trip.Confirmed:
		return s, effects{Complete: true}
	default:
		return s, effects{}
	}
}

// byTrip starts a booking with a request. A rejection is the booking's own work, and nothing new to it.
func byTrip(e eventstore.Envelope[trip.Event]) processmanager.Route {
	switch e.Event.(type) {
	case trip.Requested:
		return processmanager.Start(e.Stream.Key)
	case trip.Confirmed:
		return processmanager.Continue(e.Stream.Key)
	default:
		return processmanager.Route{}
	}
}

func reactToFlight(s State, e eventstore.Envelope[flight.Event]) (State, effects) {
	switch e.Event.(type) {
	case flight.Held:
		s.Held = true
		deadline := processmanager.Timer{Name: "ticket", DueAt: e.RecordedAt.Add(time.Hour)}
		return s, effects{Schedule: []processmanager.Timer{deadline}}
	case flight.Ticketed:
		return s, effects{Cancel: []string{"ticket"}, Send: []Command{ConfirmTrip{}}}
	default:
		return s, effects{}
	}
}

// byFlight goes by what is in the event, as the airline has numbers of its own.
func byFlight(e eventstore.Envelope[flight.Event]) processmanager.Route {
	switch event := e.Event.(type) {
	case flight.Held:
		return processmanager.Continue(event.Trip)
	case flight.Ticketed:
		return processmanager.Continue(event.Trip)
	default:
		return processmanager.Route{}
	}
}

func reactToNoTicket(s State, fired processmanager.Fired) (State, effects) {
	return s, giveUp("no ticket by " + fired.DueAt.Format(time.TimeOnly))
}

func reactToRefusal(s State, refused processmanager.Refused[Command]) (State, effects) {
	return s, giveUp(fmt.Sprintf("%T: %v", refused.Command.Command, refused.Err))
}

func giveUp(why string) effects {
	return effects{Fail: why, Send: []Command{RejectTrip{Reason: why}}}
}
