package processmanager_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/booking"
	"github.com/pasttense/pasttense/internal/docstest/flight"
	"github.com/pasttense/pasttense/processmanager"
)

func ExampleManager_History() {
	// The trip of the guide, for which there is no car.
	bookings := noCarInLisbon()

	for step, err := range bookings.History(context.Background(), "42") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(step.Record, len(step.Effects.Send), step.After.Status)
	}
	// Output:
	// decided 3 running
	// dispatched 0 running
	// dispatched 0 running
	// refused 0 running
	// decided 1 failed
	// dispatched 0 failed
	// dispatched 0 failed
	// dispatched 0 failed
}

func printInstance(ctx context.Context, bookings *booking.Manager) error {
	instance, err := bookings.Instance(ctx, "42")
	if err != nil {
		return err
	}
	fmt.Println(instance.Status, instance.Reason)
	for _, sent := range instance.Commands {
		fmt.Printf("%T: %s %s\n", sent.Command, sent.Outcome, sent.Reason)
	}
	for _, timer := range instance.Timers {
		fmt.Println(timer.Name, "fires at", timer.DueAt)
	}
	return nil
}

func printHistory(ctx context.Context, bookings *booking.Manager) error {
	for step, err := range bookings.History(ctx, "42") {
		if err != nil {
			return err
		}
		fmt.Println(step.RecordedAt, step.Record, step.Effects.Send, step.After.Status)
	}
	return nil
}

const (
	sqlInstances = `
SELECT instance, version, timers, commands_due_at, attempts, parked, reason
FROM pasttense.instances
WHERE process = '$pm.booking'
ORDER BY instance;
`
	sqlHistory = `
SELECT version, type, recorded_at, data
FROM pasttense.events
WHERE category = '$pm.booking' AND stream_key = '42'
ORDER BY version;
`
	sqlPending = `
SELECT instance, attempts, commands_due_at, parked, reason
FROM pasttense.instances
WHERE process = '$pm.booking' AND pending
ORDER BY commands_due_at;
`
	sqlTimers = `
SELECT instance, timer ->> 'name' AS name, (timer ->> 'due_at')::timestamptz AS due_at
FROM pasttense.instances, jsonb_array_elements(timers) AS timer
WHERE process = '$pm.booking'
ORDER BY due_at;
`
	sqlParkedInstances = `
SELECT instance, attempts, updated_at AS parked_at, reason
FROM pasttense.instances
WHERE process = '$pm.booking' AND parked
UNION ALL
SELECT stream_key, attempts, parked_at, reason
FROM pasttense.parked
WHERE consumer = '$pm.booking'
ORDER BY parked_at;
`
)

func TestGuideLook(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.request("42", "Lisbon")
	g.tell("42", flight.Held{Trip: "42"})
	bookings := g.bookings()
	require.NoError(t, bookings.CatchUp(t.Context()))
	require.NoError(t, printInstance(t.Context(), bookings))
	require.NoError(t, printHistory(t.Context(), bookings))
	open := g.rows(sqlInstances)
	require.Len(t, open, 1)
	require.Equal(t, "42", open[0]["instance"])
	require.Contains(t, fmt.Sprint(open[0]["timers"]), "ticket")
	require.Len(t, g.rows(sqlHistory), 5)
	require.Empty(t, g.rows(sqlParkedInstances))
	require.Empty(t, g.rows(sqlPending))
	timers := g.rows(sqlTimers)
	require.Len(t, timers, 1)
	require.Equal(t, "ticket", timers[0]["name"])
	require.IsType(t, time.Time{}, timers[0]["due_at"])
}

func (g *guide) rows(query string) []map[string]any {
	g.t.Helper()
	found, err := g.pool.Query(g.t.Context(), query)
	require.NoError(g.t, err)
	all, err := pgx.CollectRows(found, pgx.RowToMap)
	require.NoError(g.t, err)
	return all
}

func TestGuidePark(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.agency.down = []string{"hotel in Lisbon"}
	bookings := g.bookings()
	for _, id := range []string{"42", "43", "44"} {
		g.request(id, "Lisbon")
		require.Error(t, bookings.CatchUp(t.Context()))
	}
	g.request("45", "Porto")
	require.NoError(t, bookings.CatchUp(t.Context()), "the others go on")
	require.NoError(t, printParked(t.Context(), bookings))
	require.Len(t, g.rows(sqlParkedInstances), 3)
	require.Len(t, g.rows(sqlPending), 3)
	g.agency.takeLog()

	g.agency.down = nil
	require.NoError(t, settleParked(t.Context(), bookings))
	require.NoError(t, bookings.CatchUp(t.Context()))
	require.ElementsMatch(t, []string{
		"book hotel in Lisbon", "book car in Lisbon", "book car in Lisbon", "cancel flight to Lisbon",
	}, g.agency.takeLog())
	require.Equal(t, processmanager.OutcomeSkipped, g.instance("43").Commands[1].Outcome)
	require.Equal(t, processmanager.StatusFailed, g.instance("44").Status)
	require.Equal(t, processmanager.OutcomeInDoubt, g.instance("44").Commands[1].Outcome)
	require.ErrorIs(t, bookings.Retry(t.Context(), "42"), eventstore.ErrNotParked)
}

func printParked(ctx context.Context, bookings *booking.Manager) error {
	parked, err := bookings.Parked(ctx)
	if err != nil {
		return err
	}
	for _, p := range parked {
		fmt.Println("trip", p.Instance, "waits since", p.ParkedAt, "because of", p.Reason)
	}
	return nil
}

func settleParked(ctx context.Context, bookings *booking.Manager) error {
	if err := bookings.Retry(ctx, "42"); err != nil { // the hotel can be reached again
		return err
	}
	if err := bookings.Skip(ctx, "43", "booked by telephone"); err != nil {
		return err
	}
	if err := bookings.Fail(ctx, "44", "the customer does not want to wait"); err != nil {
		return err
	}
	return nil
}

func TestGuideHealth(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	bookings := g.bookings()
	healthy := healthOf(bookings)
	require.Equal(t, http.StatusServiceUnavailable, healthStatus(t, healthy), "nobody runs it")
	start(t, bookings)
	g.request("42", "Lisbon")
	require.Eventually(t, func() bool { return healthStatus(t, healthy) == http.StatusNoContent },
		time.Minute, 10*time.Millisecond)
	require.NoError(t, printStatus(t.Context(), bookings))
}

func healthOf(bookings *booking.Manager) http.HandlerFunc {
	health := func(w http.ResponseWriter, r *http.Request) {
		status, err := bookings.Status(r.Context())
		if err == nil {
			err = status.Health(time.Minute)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	return health
}

func healthStatus(t *testing.T, health http.HandlerFunc) int {
	t.Helper()
	answer := httptest.NewRecorder()
	health.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/health", http.NoBody))
	return answer.Code
}

func printStatus(ctx context.Context, bookings *booking.Manager) error {
	status, err := bookings.Status(ctx)
	if err != nil {
		return err
	}
	fmt.Println(status.State(), status.Behind, "behind;", status.Instances.Open, "trips are under way,",
		status.Instances.Pending, "have commands to dispatch,", status.Instances.Parked, "are parked")
	return nil
}
