package processmanager_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/booking"
	"github.com/pasttense/pasttense/internal/docstest/flight"
	"github.com/pasttense/pasttense/internal/docstest/trip"
	"github.com/pasttense/pasttense/memstore"
)

func withRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := eventstore.WithMetadata(r.Context(), eventstore.Metadata{
			CorrelationID: r.Header.Get("X-Request-ID"),
			Actor:         userOf(r),
			TraceParent:   r.Header.Get("traceparent"),
		})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func userOf(r *http.Request) string {
	user, _, _ := r.BasicAuth()
	return user
}

func why(ctx context.Context, store eventstore.Finder, event eventstore.RecordedEvent) error {
	fmt.Println(event.Type, "in", event.Stream)
	for cause, err := range eventstore.Causes(ctx, store, event) {
		if err != nil {
			return err
		}
		fmt.Printf("because of %s in %s, asked for by %q\n", cause.Type, cause.Stream, cause.Metadata.Actor)
	}
	return nil
}

func Example_why() {
	ctx := context.Background()
	store, agency := memstore.New(nil), newFakeAgency()
	agency.soldOut = []string{"car in Lisbon"}
	bookings := booking.New(store, memstore.NewTarget(nil), agency, nil)
	trips := aggregate.New[trip.Trip](store, trip.Events, nil)

	request := eventstore.WithMetadata(ctx, eventstore.Metadata{CorrelationID: "request-7", Actor: "customer-3"})
	if _, err := trips.Execute(request, "42", trip.Request{To: "Lisbon"}); err != nil {
		fmt.Println(err)
	}
	if err := bookings.CatchUp(ctx); err != nil {
		fmt.Println(err)
	}

	last := eventstore.ReadOptions{Backwards: true, Limit: 1}
	for rejected, err := range store.ReadStream(ctx, eventstore.StreamID{Category: "trip", Key: "42"}, last) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := why(ctx, store, rejected); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// trip.rejected in trip-42
	// because of $pm.decided in $pm.booking-42, asked for by ""
	// because of $pm.refused in $pm.booking-42, asked for by ""
	// because of $pm.decided in $pm.booking-42, asked for by ""
	// because of trip.requested in trip-42, asked for by "customer-3"
}

func printWhy(ctx context.Context, bookings *booking.Manager) error {
	for step, err := range bookings.History(ctx, "42") {
		if err != nil {
			return err
		}
		fmt.Println(step.ID, step.Record, "because of", step.Metadata.CausationID)
	}
	return nil
}

const (
	sqlOfRequest = `
SELECT position, category, stream_key, type, recorded_at, metadata ->> 'causation_id' AS cause
FROM pasttense.events
WHERE metadata ->> 'correlation_id' = 'request-7'
ORDER BY position;
`
	sqlWhy = `
WITH RECURSIVE why AS (
	SELECT * FROM pasttense.events WHERE category = 'trip' AND stream_key = '42' AND type = 'trip.rejected'
	UNION ALL
	SELECT cause.*
	FROM why
	JOIN pasttense.events AS cause
		ON cause.event_id::text = why.metadata ->> 'causation_id' AND cause.position < why.position
)
SELECT position, category, stream_key, type, recorded_at, metadata ->> 'actor' AS actor
FROM why
ORDER BY position DESC;
`
	sqlLedTo = `
WITH RECURSIVE led_to AS (
	SELECT * FROM pasttense.events WHERE category = 'trip' AND stream_key = '42' AND type = 'trip.requested'
	UNION ALL
	SELECT effect.*
	FROM led_to
	JOIN pasttense.events AS effect
		ON effect.metadata ->> 'causation_id' = led_to.event_id::text AND effect.position > led_to.position
)
SELECT position, category, stream_key, type, recorded_at, metadata ->> 'causation_id' AS cause
FROM led_to
ORDER BY position;
`
	sqlCorrelationIndex = `
CREATE INDEX CONCURRENTLY events_correlation ON pasttense.events USING hash ((metadata ->> 'correlation_id'))
	WHERE metadata ->> 'correlation_id' IS NOT NULL;
`
)

func TestGuideWhy(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.agency.soldOut = []string{"car in Lisbon"}
	requested := withRequest(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := g.trips.Execute(r.Context(), "42", trip.Request{To: "Lisbon"})
		assert.NoError(t, err)
	}))
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/trips/42", http.NoBody)
	request.Header.Set("X-Request-Id", "request-7")
	request.SetBasicAuth("customer-3", "")
	requested.ServeHTTP(httptest.NewRecorder(), request)
	g.tell("42", flight.Held{Trip: "42"})
	bookings := g.bookings()
	require.NoError(t, bookings.CatchUp(t.Context()))
	require.NoError(t, printWhy(t.Context(), bookings))

	_, err := g.pool.Exec(t.Context(), sqlCorrelationIndex)
	require.NoError(t, err)
	g.takesLongCorrelationIDs()
	require.Equal(t, []string{
		"trip.requested", "$pm.decided", "$pm.dispatched", "$pm.dispatched", "$pm.refused", "$pm.decided",
		"$pm.dispatched", "$pm.dispatched", "trip.rejected", "$pm.dispatched",
	}, g.types(sqlOfRequest))
	require.Equal(t, g.types(sqlOfRequest), g.types(sqlLedTo))
	require.Equal(t, []string{
		"trip.rejected", "$pm.decided", "$pm.refused", "$pm.decided", "trip.requested",
	}, g.types(sqlWhy))
	causes := g.rows(sqlWhy)
	require.Equal(t, "customer-3", causes[len(causes)-1]["actor"])
}

// takesLongCorrelationIDs holds that the index keeps nobody from appending.
func (g *guide) takesLongCorrelationIDs() {
	g.t.Helper()
	id := make([]byte, eventstore.MaxMetadataBytes/2)
	_, _ = rand.Read(id) // which no compression makes short
	ctx := eventstore.WithMetadata(g.t.Context(), eventstore.Metadata{CorrelationID: hex.EncodeToString(id)})
	_, err := g.trips.Execute(ctx, "43", trip.Request{To: "Porto"})
	require.NoError(g.t, err)
}

func TestGuideCausedBy(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.request("42", "Lisbon")
	for event, err := range g.store.ReadAll(t.Context(), 0, eventstore.Filter{}) {
		require.NoError(t, err)
		ctx := t.Context()
		ctx = eventstore.WithMetadata(ctx, eventstore.CausedBy(event))
		_, err = g.trips.Execute(ctx, "42", trip.Reject{Reason: "no flights today"})
		require.NoError(t, err)
	}
	require.Equal(t, []string{"trip.rejected", "trip.requested"}, g.types(sqlWhy))
}

// types returns the types of the events that a query selects.
func (g *guide) types(query string) (types []string) {
	g.t.Helper()
	for _, row := range g.rows(query) {
		types = append(types, fmt.Sprint(row["type"]))
	}
	return types
}
