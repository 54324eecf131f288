package processmanager_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/docstest/booking"
	"github.com/pasttense/pasttense/internal/docstest/flight"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/processmanager"
)

func TestGuideFormer(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.agency.down = []string{"hotel in Lisbon"}
	g.request("42", "Lisbon")
	require.Error(t, g.bookings().CatchUp(t.Context()))

	bookings := booking.New2(g.store, pgstore.NewTarget(g.pool, nil), g.agency)
	booking.KeepVersion1(bookings)
	g.agency.down = nil
	require.NoError(t, bookings.Retry(t.Context(), "42"))
	g.request("43", "Porto")
	require.NoError(t, bookings.CatchUp(t.Context()))
	g.tell("42", flight.Held{Trip: "42"}, flight.Ticketed{Trip: "42"})
	g.tell("43", flight.Held{Trip: "43"})
	require.NoError(t, bookings.CatchUp(t.Context()))

	requireVersion(t, bookings, "42", 1, booking.Journey{})
	requireVersion(t, bookings, "43", 2, booking.Journey{Flight: "held"})
	require.True(t, g.trip("42").Confirmed)
	require.False(t, g.trip("43").Confirmed, "there is no ticket")
	require.Subset(t, g.agency.takeLog(), []string{"book flight to Lisbon", "book hotel in Lisbon", "book car in Lisbon"})
}

func TestGuideMigrate(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.request("42", "Lisbon")
	g.tell("42", flight.Held{Trip: "42"})
	require.NoError(t, g.bookings().CatchUp(t.Context()))

	bookings := booking.New2(g.store, pgstore.NewTarget(g.pool, nil), g.agency)
	booking.MigrateVersion1(bookings)
	requireVersion(t, bookings, "42", 1, booking.Journey{Flight: "held"})
	g.tell("42", flight.Ticketed{Trip: "42"})
	require.NoError(t, bookings.CatchUp(t.Context()))
	requireVersion(t, bookings, "42", 2, booking.Journey{Flight: "ticketed"})
	require.True(t, g.trip("42").Confirmed)
}

func requireVersion(
	t *testing.T, bookings *processmanager.Manager[booking.Journey, booking.Command],
	id string, version int, state booking.Journey,
) {
	t.Helper()
	instance, err := bookings.Instance(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, version, instance.Definition)
	require.Equal(t, state, instance.State)
}
