package processmanager_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/booking"
	"github.com/pasttense/pasttense/internal/docstest/flight"
	"github.com/pasttense/pasttense/internal/docstest/trip"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/processmanager"
	"github.com/pasttense/pasttense/processmanager/processmanagertest"
	"github.com/pasttense/pasttense/projection"
)

// noCarInLisbon returns the process after a trip for which there is no car.
func noCarInLisbon() *booking.Manager {
	ctx := context.Background()
	store, agency := memstore.New(nil), newFakeAgency()
	agency.soldOut = []string{"car in Lisbon"}
	bookings := booking.New(store, memstore.NewTarget(nil), agency, nil)
	trips := aggregate.New[trip.Trip](store, trip.Events, nil)
	if _, err := trips.Execute(ctx, "42", trip.Request{To: "Lisbon"}); err != nil {
		panic(err)
	}
	if err := bookings.CatchUp(ctx); err != nil {
		panic(err)
	}
	return bookings
}

func TestBooking(t *testing.T) {
	type effects = processmanager.Effects[booking.Command]
	bookings := booking.New(memstore.New(nil), nil, nil, nil)
	noon := time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)

	requested := processmanagertest.Stream(trip.Events, "42").Event(trip.Requested{To: "Lisbon"}).At(noon)
	airline := processmanagertest.Stream(flight.Events, "X7Q2")
	held, ticketed := airline.Event(flight.Held{Trip: "42"}), airline.Event(flight.Ticketed{Trip: "42"})
	car := booking.BookCar{In: "Lisbon"}

	processmanagertest.Given(t, bookings).
		When(requested).
		Then(effects{Send: []booking.Command{
			booking.BookFlight{To: "Lisbon"}, booking.BookHotel{In: "Lisbon"}, car,
		}})

	processmanagertest.Given(t, bookings, requested).
		When(processmanagertest.Refused(car, booking.ErrUnavailable)).
		Then(effects{
			Fail: "booking.BookCar: not available",
			Send: []booking.Command{booking.RejectTrip{Reason: "booking.BookCar: not available"}},
		}).
		ThenUndone(booking.Cancel{What: "hotel"}, booking.Cancel{What: "flight"})

	waiting := processmanagertest.Given(t, bookings, requested, held, processmanagertest.Dispatched(car))
	waiting.When(ticketed).
		Then(effects{Cancel: []string{"ticket"}, Send: []booking.Command{booking.ConfirmTrip{}}}).
		ThenState(booking.State{Held: true}).
		ThenTimers()
	waiting.When(processmanagertest.Elapsed(time.Hour)).
		Then(effects{
			Fail: "no ticket by 13:00:00",
			Send: []booking.Command{booking.RejectTrip{Reason: "no ticket by 13:00:00"}},
		}).
		ThenUndone(booking.Cancel{What: "car"}, booking.Cancel{What: "hotel"}, booking.Cancel{What: "flight"})
}

func TestBookingSurvives(t *testing.T) {
	begin := func() processmanagertest.Setup[booking.State, booking.Command] {
		agency := newFakeAgency() // outlives each process, and is new for each run
		agency.soldOut = []string{"car in Porto"}
		return processmanagertest.Setup[booking.State, booking.Command]{
			Manager: func(store eventstore.Store, agenda eventstore.Agenda) *booking.Manager {
				return booking.New(store, agenda, agency, nil)
			},
			Received: func() any { return agency.log },
		}
	}
	processmanagertest.Survives(t, begin,
		processmanagertest.Stream(trip.Events, "42").Event(trip.Requested{To: "Lisbon"}),
		processmanagertest.Stream(flight.Events, "X7Q2").Event(flight.Held{Trip: "42"}),
		processmanagertest.Stream(trip.Events, "43").Event(trip.Requested{To: "Porto"}),
		processmanagertest.Elapsed(time.Hour),
	)
}

// The tests below are those of the guide about testing.

func TestRefusedCar(t *testing.T) {
	type effects = processmanager.Effects[booking.Command]
	bookings := booking.New(memstore.New(nil), nil, nil, nil)
	requested := processmanagertest.Stream(trip.Events, "42").Event(trip.Requested{To: "Lisbon"})
	held := processmanagertest.Stream(flight.Events, "X7Q2").Event(flight.Held{Trip: "42"})

	processmanagertest.Given(t, bookings, requested, held).
		When(processmanagertest.Refused(booking.BookCar{In: "Lisbon"}, booking.ErrUnavailable)).
		Then(effects{
			Fail: "booking.BookCar: not available",
			Send: []booking.Command{booking.RejectTrip{Reason: "booking.BookCar: not available"}},
		}).
		ThenUndone(booking.Cancel{What: "hotel"}, booking.Cancel{What: "flight"}).
		ThenTimers()
}

func TestBookingSurvivesWithoutCars(t *testing.T) {
	begin := func() processmanagertest.Setup[booking.State, booking.Command] {
		agency := newFakeAgency() // outlives each process, and is new for each run
		agency.soldOut = []string{"car in Lisbon"}
		return processmanagertest.Setup[booking.State, booking.Command]{
			Manager: func(store eventstore.Store, agenda eventstore.Agenda) *booking.Manager {
				return booking.New(store, agenda, agency, nil)
			},
			Received: func() any { return agency.log },
		}
	}
	processmanagertest.Survives(t, begin,
		processmanagertest.Stream(trip.Events, "42").Event(trip.Requested{To: "Lisbon"}),
	)
}

func TestTripIsConfirmed(t *testing.T) {
	ctx := t.Context()
	store := memstore.New(nil)
	target := memstore.NewTarget(nil) // read models, checkpoints and agendas
	destinations := memstore.NewTable[string, string](target)

	trips := aggregate.New[trip.Trip](store, trip.Events, nil)
	bookings := booking.New(store, target, newFakeAgency(), nil)
	requests := projection.New("requests", store, target, nil)
	projection.On(requests, trip.Events,
		func(_ context.Context, tx *memstore.Tx, e eventstore.Envelope[trip.Event]) error {
			if requested, ok := e.Event.(trip.Requested); ok {
				destinations.PutTx(tx, e.Stream.Key, requested.To)
			}
			return nil
		})

	_, err := trips.Execute(ctx, "42", trip.Request{To: "Lisbon"})
	require.NoError(t, err)
	ticketed, err := flight.Events.Encode(flight.Ticketed{Trip: "42"})
	require.NoError(t, err)
	airline := eventstore.StreamID{Category: "flight", Key: "X7Q2"}
	_, err = store.Append(ctx, eventstore.Write{Stream: airline, Events: []eventstore.EventData{ticketed}})
	require.NoError(t, err)
	require.NoError(t, bookings.CatchUp(ctx))
	require.NoError(t, requests.CatchUp(ctx))

	confirmed, err := trips.Load(ctx, "42")
	require.NoError(t, err)
	require.True(t, confirmed.State.Confirmed)
	to, _ := destinations.Get("42")
	require.Equal(t, "Lisbon", to)
}
