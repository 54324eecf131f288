package booking

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/flight"
	"github.com/pasttense/pasttense/internal/docstest/trip"
	"github.com/pasttense/pasttense/processmanager"
)

type (
	// Manager is the process. It may run in any number of programs.
	Manager = processmanager.Manager[State, Command]

	dispatch = func(ctx context.Context, c processmanager.Command[Command]) error
)

func New(store eventstore.Store, agenda eventstore.Agenda, agency Agency, opts *processmanager.Options) *Manager {
	dispatch := dispatchTo(aggregate.New[trip.Trip](store, trip.Events, nil), agency)
	m := processmanager.New[State]("booking", store, agenda, Commands, dispatch, opts)
	processmanager.On(m, trip.Events, byTrip, reactToTrip)
	processmanager.On(m, flight.Events, byFlight, reactToFlight)
	processmanager.OnTimer(m, "ticket", reactToNoTicket)
	processmanager.OnRefused(m, reactToRefusal)
	return m
}

// Agency books what trips are made of.
type Agency interface {
	// Book books something, once for each key. It returns an error that wraps ErrUnavailable when there is none left, and
	// when the key was canceled.
	Book(ctx context.Context, key uuid.UUID, what string) error
	// Cancel cancels what was booked with a key, and makes sure that nothing ever will be.
	Cancel(ctx context.Context, key uuid.UUID) error
}

// ErrUnavailable is why something cannot be booked.
var ErrUnavailable = errors.New("not available")

func dispatchTo(trips *aggregate.Repository[trip.Trip, trip.Event], agency Agency) dispatch {
	return func(ctx context.Context, c processmanager.Command[Command]) error {
		switch command := c.Command.(type) {
		case BookFlight:
			return book(ctx, agency, c.ID, "flight to "+command.To)
		case BookHotel:
			return book(ctx, agency, c.ID, "hotel in "+command.In)
		case BookCar:
			return book(ctx, agency, c.ID, "car in "+command.In)
		case Cancel:
			return agency.Cancel(ctx, *c.Undoes)
		case ConfirmTrip:
			_, err := trips.ExecuteOnce(ctx, c.ID, c.Instance, trip.Confirm{})
			return refusedBy(err)
		case RejectTrip:
			_, err := trips.ExecuteOnce(ctx, c.ID, c.Instance, trip.Reject{Reason: command.Reason})
			return refusedBy(err)
		default:
			return fmt.Errorf("nobody carries out %T", command)
		}
	}
}

func book(ctx context.Context, agency Agency, key uuid.UUID, what string) error {
	err := agency.Book(ctx, key, what)
	if errors.Is(err, ErrUnavailable) {
		return processmanager.Refuse(err)
	}
	return err // nil, or to be tried again
}

// refusedBy makes a refusal of what an aggregate has decided.
func refusedBy(err error) error {
	var refused *aggregate.RefusedError
	if errors.As(err, &refused) {
		return processmanager.Refuse(refused)
	}
	return err
}
