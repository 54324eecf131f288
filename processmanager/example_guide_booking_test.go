package processmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/booking"
	first "github.com/pasttense/pasttense/internal/docstest/first/booking"
	"github.com/pasttense/pasttense/internal/docstest/flight"
	"github.com/pasttense/pasttense/internal/docstest/trip"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/processmanager"
)

// guide is what the guide takes for granted: a database, an agency, and who requests trips. What it shows is in the
// files example_guide_*_test.go and in packages below internal/docstest, line by line, which package docstest sees to.
type guide struct {
	t      *testing.T
	store  *pgstore.Store
	pool   *pgxpool.Pool
	agency *fakeAgency
	trips  *aggregate.Repository[trip.Trip, trip.Event]
}

func newGuide(t *testing.T) *guide {
	t.Helper()
	store, pool := openPostgres(t)
	return &guide{
		t:      t,
		store:  store,
		pool:   pool,
		agency: newFakeAgency(),
		trips:  aggregate.New[trip.Trip](store, trip.Events, nil),
	}
}

// bookings returns the process as a program makes it, but that it gives up early.
func (g *guide) bookings() *booking.Manager {
	opts := options()
	opts.Attempts = 1
	return booking.New(g.store, pgstore.NewTarget(g.pool, nil), g.agency, opts)
}

func (g *guide) request(id, to string) {
	g.t.Helper()
	_, err := g.trips.Execute(g.t.Context(), id, trip.Request{To: to})
	require.NoError(g.t, err)
}

// tell has an airline tell something about its flight X7Q2-42 for trip 42, say.
func (g *guide) tell(id string, events ...flight.Event) {
	g.t.Helper()
	write := eventstore.Write{
		Stream: eventstore.StreamID{Category: "flight", Key: "X7Q2-" + id}, Expected: eventstore.AnyVersion,
	}
	for _, event := range events {
		data, err := flight.Events.Encode(event)
		require.NoError(g.t, err)
		write.Events = append(write.Events, data)
	}
	_, err := g.store.Append(g.t.Context(), write)
	require.NoError(g.t, err)
}

func (g *guide) trip(id string) trip.Trip {
	g.t.Helper()
	loaded, err := g.trips.Load(g.t.Context(), id)
	require.NoError(g.t, err)
	return loaded.State
}

func (g *guide) instance(id string) processmanager.Instance[booking.State, booking.Command] {
	g.t.Helper()
	instance, err := g.bookings().Instance(g.t.Context(), id)
	require.NoError(g.t, err)
	return instance
}

// fakeAgency remembers what it was asked for.
type fakeAgency struct {
	mu       sync.Mutex
	booked   map[uuid.UUID]string
	canceled map[uuid.UUID]bool
	log      []string
	soldOut  []string
	down     []string
}

func newFakeAgency() *fakeAgency {
	return &fakeAgency{booked: make(map[uuid.UUID]string), canceled: make(map[uuid.UUID]bool)}
}

func (a *fakeAgency) Book(_ context.Context, key uuid.UUID, what string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case slices.Contains(a.down, what):
		return errors.New("the system of the supplier is away")
	case a.canceled[key], slices.Contains(a.soldOut, what):
		return fmt.Errorf("%s: %w", what, booking.ErrUnavailable)
	}
	if _, again := a.booked[key]; !again {
		a.booked[key] = what
		a.log = append(a.log, "book "+what)
	}
	return nil
}

func (a *fakeAgency) Cancel(_ context.Context, key uuid.UUID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if what, booked := a.booked[key]; booked && !a.canceled[key] {
		a.log = append(a.log, "cancel "+what)
	}
	a.canceled[key] = true
	return nil
}

// takeLog returns what was done since it was called last.
func (a *fakeAgency) takeLog() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	log := a.log
	a.log = nil
	return log
}

func TestGuideFirst(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	bookings := first.New(g.store, pgstore.NewTarget(g.pool, nil), g.agency)
	g.request("42", "Lisbon")
	require.NoError(t, bookings.CatchUp(t.Context()))
	require.True(t, g.trip("42").Confirmed)
	require.Equal(t, []string{"book flight to Lisbon"}, g.agency.takeLog())
	instance, err := bookings.Instance(t.Context(), "42")
	require.NoError(t, err)
	require.Equal(t, processmanager.StatusCompleted, instance.Status)
}

func TestGuideRun(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.request("42", "Lisbon")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runBookings(ctx, g.store, g.pool, g.agency) }()
	g.tell("42", flight.Held{Trip: "42"}, flight.Ticketed{Trip: "42"})
	for _, err := range g.store.Subscribe(t.Context(), 0, eventstore.Filter{Categories: []string{"$pm.booking"}}) {
		require.NoError(t, err)
		if g.instance("42").Status == processmanager.StatusCompleted {
			break
		}
	}
	stop()
	require.NoError(t, <-ended)
	require.True(t, g.trip("42").Confirmed)
	require.Equal(t, []string{"book flight to Lisbon", "book hotel in Lisbon", "book car in Lisbon"}, g.agency.takeLog())
}

func runBookings(ctx context.Context, store eventstore.Store, pool *pgxpool.Pool, agency booking.Agency) error {
	agenda := pgstore.NewTarget(pool, nil)
	return processmanager.Run(ctx, booking.New(store, agenda, agency, nil)) // until ctx ends; then it returns nil
}

func TestGuideRefusal(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.agency.soldOut = []string{"car in Lisbon"}
	g.request("42", "Lisbon")
	g.tell("42", flight.Held{Trip: "42"})
	require.NoError(t, g.bookings().CatchUp(t.Context()))
	require.Equal(t, []string{
		"book flight to Lisbon", "book hotel in Lisbon", "cancel hotel in Lisbon", "cancel flight to Lisbon",
	}, g.agency.takeLog())
	require.True(t, g.trip("42").Rejected)
	require.Equal(t, "booking.BookCar: car in Lisbon: not available", g.instance("42").Reason)
	require.Empty(t, g.instance("42").Timers)
}
