// Package booking is the first process of the guide.
package booking

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/trip"
	"github.com/pasttense/pasttense/processmanager"
)

// Command is something that the process wants done for a trip.
type Command interface{ booking() }

type BookFlight struct {
	To string `json:"to"`
}

type ConfirmTrip struct{}

func (BookFlight) booking()  {}
func (ConfirmTrip) booking() {}

var Commands = eventstore.JSON("booking", map[string]Command{
	"booking.book-flight":  BookFlight{},
	"booking.confirm-trip": ConfirmTrip{},
})

// State is what the process remembers of a trip. It is stored as JSON.
type State struct{}

type effects = processmanager.Effects[Command]

func react(s State, e eventstore.Envelope[trip.Event]) (State, effects) {
	switch event := e.Event.(type) {
	case trip.Requested:
		return s, effects{Send: []Command{BookFlight{To: event.To}, ConfirmTrip{}}}
	case trip.Confirmed:
		return s, effects{Complete: true}
	default:
		return s, effects{}
	}
}

// Agency books what trips are made of, once for each key.
type Agency interface {
	Book(ctx context.Context, key uuid.UUID, what string) error
}

func New(store eventstore.Store, agenda eventstore.Agenda, agency Agency) *processmanager.Manager[State, Command] {
	trips := aggregate.New[trip.Trip](store, trip.Events, nil)
	dispatch := func(ctx context.Context, c processmanager.Command[Command]) error {
		switch command := c.Command.(type) {
		case BookFlight:
			return agency.Book(ctx, c.ID, "flight to "+command.To)
		case ConfirmTrip:
			_, err := trips.ExecuteOnce(ctx, c.ID, c.Instance, trip.Confirm{})
			return err
		default:
			return fmt.Errorf("nobody carries out %T", command)
		}
	}
	m := processmanager.New[State]("booking", store, agenda, Commands, dispatch, nil)
	processmanager.On(m, trip.Events, processmanager.ByStream, react)
	return m
}
