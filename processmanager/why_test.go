package processmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/booking"
	"github.com/pasttense/pasttense/internal/docstest/flight"
	"github.com/pasttense/pasttense/internal/docstest/trip"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/processmanager"
	"github.com/pasttense/pasttense/projection"
)

// requireWalkable holds of every event in the store that the event which its causation ID names is there, before it. So
// all can be walked to their origin.
func (p *place) requireWalkable() {
	p.t.Helper()
	ctx := context.WithoutCancel(p.t.Context())
	for _, category := range []string{"", "$pm.shipping", "$pm.trip", "$pm.booking"} {
		var filter eventstore.Filter
		if category != "" {
			filter.Categories = []string{category}
		}
		for event, err := range p.store.ReadAll(ctx, 0, filter) {
			if errors.Is(err, eventstore.ErrClosed) { // by the test
				return
			}
			require.NoError(p.t, err)
			p.requireCause(ctx, event)
		}
	}
}

func (p *place) requireCause(ctx context.Context, event eventstore.RecordedEvent) {
	p.t.Helper()
	isRecord := strings.HasPrefix(event.Stream.Category, "$pm.") && !p.byHand
	if _, err := uuid.Parse(event.Metadata.CausationID); err != nil && !isRecord {
		return // a request has caused it
	}
	found := false
	for cause, err := range eventstore.Causes(ctx, p.store.(eventstore.Finder), event) {
		require.NoError(p.t, err)
		assert.Equal(p.t, event.Metadata.CausationID, cause.ID.String())
		assert.Equal(p.t, event.Metadata.CorrelationID, eventstore.CausedBy(cause).CorrelationID)
		found = true
		break
	}
	assert.True(p.t, found, "%s at version %d of %q is caused by %q, which is nowhere",
		event.Type, event.Version, event.Stream, event.Metadata.CausationID)
}

// The accounts of these tests are an aggregate that the process of the guide leads to: what was booked, under the key of
// the command.

type Entry interface{ entry() }

type Booked struct{ What string }

type Canceled struct{}

func (Booked) entry()   {}
func (Canceled) entry() {}

var accounts = eventstore.JSON("account", map[string]Entry{"account.booked": Booked{}, "account.canceled": Canceled{}})

type account struct{}

func (a account) Evolve(Entry) account { return a }

type enter struct{ Entry }

func (e enter) Decide(account) ([]Entry, error) { return []Entry{e.Entry}, nil }

type accountant struct {
	accounts *aggregate.Repository[account, Entry]
	soldOut  string
	down     string
}

func (a *accountant) Book(ctx context.Context, key uuid.UUID, what string) error {
	switch what {
	case a.soldOut:
		return booking.ErrUnavailable
	case a.down:
		return errDown
	}
	_, err := a.accounts.ExecuteOnce(ctx, key, key.String(), enter{Booked{what}})
	return err
}

func (a *accountant) Cancel(ctx context.Context, key uuid.UUID) error {
	_, err := a.accounts.ExecuteOnce(ctx, uuid.NewSHA1(key, []byte("cancel")), key.String(), enter{Canceled{}})
	return err
}

// journey is a place where the trips of the guide are booked.
type journey struct {
	*place
	*clock
	*accountant
}

func newJourney(t *testing.T, newPlace func(t *testing.T) *place) *journey {
	t.Helper()
	p := newPlace(t)
	return &journey{p, &clock{now: time.Now()}, &accountant{accounts: aggregate.New[account](p.store, accounts, nil)}}
}

// bookings returns the process as a program that has just started has it.
func (j *journey) bookings() *booking.Manager {
	opts := options()
	opts.Attempts, opts.Now = 1, j.Now
	return booking.New(j.store, j.agenda, j.accountant, opts)
}

func (j *journey) catchUp() {
	j.t.Helper()
	require.NoError(j.t, j.bookings().CatchUp(j.t.Context()))
}

// request requests a trip as a request with an ID and a user does.
func (j *journey) request() {
	j.t.Helper()
	ctx := eventstore.WithMetadata(j.t.Context(), eventstore.Metadata{CorrelationID: "request-7", Actor: "customer 3"})
	trips := aggregate.New[trip.Trip](j.store, trip.Events, nil)
	_, err := trips.Execute(ctx, "42", trip.Request{To: "Lisbon"})
	require.NoError(j.t, err)
}

// hold is what an airline tells by its webhook, in a request without an ID.
func (j *journey) hold() {
	j.t.Helper()
	data, err := flight.Events.Encode(flight.Held{Trip: "42"})
	require.NoError(j.t, err)
	_, err = j.store.Append(j.t.Context(), eventstore.Write{
		Stream: eventstore.StreamID{Category: "flight", Key: "X7Q2"}, Expected: eventstore.AnyVersion,
		Events: []eventstore.EventData{data},
	})
	require.NoError(j.t, err)
}

// requireWhy holds why the last event of a category came about: what it was caused by, and what that was caused by, to the
// origin, which has a correlation ID, or else gives its own.
func (j *journey) requireWhy(category string, causes ...string) (origin eventstore.RecordedEvent) {
	j.t.Helper()
	event := j.last(category)
	chain := []eventstore.RecordedEvent{event}
	var got []string
	for cause, err := range eventstore.Causes(j.t.Context(), j.store.(eventstore.Finder), event) {
		require.NoError(j.t, err)
		got = append(got, cause.Type)
		chain = append(chain, cause)
	}
	require.Equal(j.t, causes, got)
	origin = chain[len(chain)-1]
	require.Empty(j.t, origin.Metadata.CausationID)
	for _, event := range chain {
		require.Equal(j.t, eventstore.CausedBy(origin).CorrelationID, eventstore.CausedBy(event).CorrelationID)
	}
	return origin
}

func (j *journey) last(category string) (last eventstore.RecordedEvent) {
	j.t.Helper()
	for event, err := range j.store.ReadAll(j.t.Context(), 0, eventstore.Filter{Categories: []string{category}}) {
		require.NoError(j.t, err)
		last = event
	}
	require.NotZero(j.t, last)
	return last
}

// TestWhy asks of the last event that something has led to why it has happened.
func TestWhy(t *testing.T) {
	t.Parallel()
	for name, newPlace := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("a command", func(t *testing.T) {
				j := newJourney(t, newPlace)
				j.request()
				j.catchUp()
				origin := j.requireWhy("account", "$pm.decided", "trip.requested")
				require.Equal(t, eventstore.Metadata{CorrelationID: "request-7", Actor: "customer 3"}, origin.Metadata)
				require.Equal(t, eventstore.Metadata{
					CorrelationID: "request-7", CausationID: j.record("decided").ID.String(),
				}, j.last("account").Metadata, "nobody has asked for this")
			})
			t.Run("a refusal", func(t *testing.T) {
				j := newJourney(t, newPlace)
				j.soldOut = "car in Lisbon"
				j.request()
				j.catchUp()
				why := []string{"$pm.decided", "$pm.refused", "$pm.decided", "trip.requested"}
				j.requireWhy("account", why...) // what undoes the others
				origin := j.requireWhy("trip", why...)
				require.Equal(t, "request-7", origin.Metadata.CorrelationID)
			})
			t.Run("a timer", func(t *testing.T) {
				j := newJourney(t, newPlace)
				j.request()
				j.hold()
				j.catchUp()
				j.move(2 * time.Hour)
				j.catchUp()
				why := []string{"$pm.decided", "$pm.decided", "flight.held"}
				j.requireWhy("account", why...)
				origin := j.requireWhy("trip", why...)
				require.Empty(t, origin.Metadata.CorrelationID)
				require.Equal(t, origin.ID.String(), j.last("trip").Metadata.CorrelationID)
			})
			t.Run("somebody", func(t *testing.T) {
				j := newJourney(t, newPlace)
				j.request()
				j.catchUp()
				ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{Actor: "clerk 7"})
				require.NoError(t, j.bookings().Fail(ctx, "42", "the customer has called"))
				j.catchUp()
				j.requireWhy("account", "$pm.failed", "$pm.decided", "trip.requested")
				require.Equal(t, "account.canceled", j.last("account").Type)
				require.Equal(t, "clerk 7", j.record("failed").Metadata.Actor)
			})
			t.Run("a command of a program that says who it is", func(t *testing.T) {
				j := newJourney(t, newPlace)
				j.request()
				ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{
					Actor: "bookings", CorrelationID: "run-1", CausationID: "run-1",
				})
				require.NoError(t, j.bookings().CatchUp(ctx))
				j.requireWhy("account", "$pm.decided", "trip.requested")
				require.Equal(t, "bookings", j.last("account").Metadata.Actor)
				require.Equal(t, "request-7", j.last("account").Metadata.CorrelationID)
			})
			t.Run("a projection", func(t *testing.T) {
				j := newJourney(t, newPlace)
				j.soldOut = "car in Lisbon"
				j.request()
				j.catchUp()
				j.tellCustomers()
				j.requireWhy("letter", "trip.rejected", "$pm.decided", "$pm.refused", "$pm.decided", "trip.requested")
			})
			t.Run("an instance that was read from its snapshot", func(t *testing.T) {
				j := newJourney(t, newPlace)
				j.down = "hotel in Lisbon"
				j.request()
				require.ErrorIs(t, j.bookings().CatchUp(t.Context()), errDown)
				for range 60 { // which moves the timer
					j.hold()
				}
				j.catchUp()
				require.Equal(t, "$pm.snapshot", j.last("$pm.booking").Type)
				j.down = ""
				require.NoError(t, j.bookings().Retry(t.Context(), "42"))
				j.catchUp()
				require.Len(t, j.stream("account", j.last("account").Stream.Key), 1)
				j.requireWhy("account", "$pm.decided", "trip.requested")
				j.move(2 * time.Hour)
				j.catchUp()
				j.requireWhy("trip", "$pm.decided", "$pm.decided", "flight.held")
			})
		})
	}
}

// record returns the first record of a type.
func (j *journey) record(name string) eventstore.RecordedEvent {
	j.t.Helper()
	records := j.stream("$pm.booking", "42")
	at := slices.IndexFunc(records, func(e eventstore.RecordedEvent) bool { return e.Type == "$pm."+name })
	require.GreaterOrEqual(j.t, at, 0)
	return records[at]
}

// tellCustomers runs a projection that appends an event for each trip that was rejected.
func (j *journey) tellCustomers() {
	j.t.Helper()
	letters := projection.New("letters", j.store, memstore.NewTarget(nil), nil)
	projection.On(letters, trip.Events,
		func(ctx context.Context, _ *memstore.Tx, e eventstore.Envelope[trip.Event]) error {
			if _, rejected := e.Event.(trip.Rejected); !rejected {
				return nil
			}
			_, err := j.store.Append(ctx, eventstore.Write{
				Stream: eventstore.StreamID{Category: "letter", Key: e.Stream.Key},
				Events: []eventstore.EventData{{ID: uuid.New(), Type: "letter.sent", Data: []byte("{}")}},
			})
			return err
		})
	require.NoError(j.t, letters.CatchUp(j.t.Context()))
}

// TestHistoryTellsWhy shows of each record of an instance what has caused it.
func TestHistoryTellsWhy(t *testing.T) {
	j := newJourney(t, newPlace)
	j.soldOut = "car in Lisbon"
	j.request()
	j.catchUp()
	known := map[string]string{j.stream("trip", "42")[0].ID.String(): "requested"}
	var steps []string
	for step, err := range j.bookings().History(t.Context(), "42") {
		require.NoError(t, err)
		steps = append(steps, fmt.Sprintf("%s because of %s", step.Record, known[step.Metadata.CausationID]))
		known[step.ID.String()] = fmt.Sprintf("%s %d", step.Record, step.After.Version)
	}
	require.Equal(t, []string{
		"decided because of requested",
		"dispatched because of decided 1",
		"dispatched because of decided 1",
		"refused because of decided 1",
		"decided because of refused 4",
		"dispatched because of decided 5",
		"dispatched because of decided 5",
		"dispatched because of decided 5",
	}, steps)
}

// TestWhoKeptAnEventDidNotGiveItUp holds that each record names who has appended it, as the context of Run says.
func TestWhoKeptAnEventDidNotGiveItUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		catchUp := func(actor string) {
			t.Helper()
			m := routed(p, processmanager.Start("x"), processmanager.Continue("x").OrKeep(time.Hour))
			ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{
				Actor: actor, Values: map[string]string{actor: "was here"},
			})
			require.NoError(t, m.CatchUp(ctx))
		}
		p.append("1", Paid{})
		catchUp("one")
		time.Sleep(time.Hour + time.Second)
		catchUp("another")
		records := p.stream("$pm.shipping", "x")
		require.Len(t, records, 2)
		want := eventstore.CausedBy(p.stream("order", "1")[0])
		for i, actor := range []string{"one", "another"} {
			want.Actor, want.Values = actor, map[string]string{actor: "was here"}
			require.Equal(t, want, records[i].Metadata)
		}
	})
}
