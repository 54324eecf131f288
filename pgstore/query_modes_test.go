package pgstore_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// A pooler may not be able to prepare statements: every way in which pgx can run them works.
func TestEveryQueryModeOfPgx(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(migrated.Database(t))
			require.NoError(t, err)
			query := u.Query()
			query.Set("default_query_exec_mode", mode)
			u.RawQuery = query.Encode()
			appendAndRead(t, u.String())
			findAndKeepSnapshots(t, u.String())
			planAndClaim(t, u.String())
			useConsumer(t, pgstore.NewTarget(newPool(t, u.String()), nil))
			useReadModels(t, newPool(t, u.String()))
		})
	}
}

func appendAndRead(t *testing.T, databaseURL string) {
	t.Helper()
	store, pool := open(t, databaseURL, pgstore.Options{NoListen: true}), newPool(t, databaseURL)
	ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{Actor: "Ada", Values: map[string]string{"k": "v"}})
	write := withIDs(expecting(eventstore.NoStream, added(order42, 2)))
	write.Events[1].ContentType, write.Events[1].Data = "application/octet-stream", []byte{0, 0xff, '\\', '\''}
	check := eventstore.Write{Stream: eventstore.StreamID{Category: "order", Key: "43"}}

	first, err := store.Append(ctx, write, check)
	require.NoError(t, err)
	again, err := store.Append(ctx, write, check)
	require.NoError(t, err)
	assert.Equal(t, first, again)
	require.NoError(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := store.AppendTx(ctx, tx, added(order42, 1))
		return err
	}))
	events := stream(t, store, order42)
	require.Len(t, events, 3)
	assert.Equal(t, write.Events[0].Data, events[0].Data)
	assert.Equal(t, write.Events[1].Data, events[1].Data)
	assert.Equal(t, "Ada", events[1].Metadata.Actor)
	assert.Equal(t, write.Events[1].ID, events[1].ID)
	filter := eventstore.Filter{Categories: []string{"order", "payment"}, Types: []string{"order.item-added"}}
	assert.Equal(t, events, collect(t, store.ReadAll(ctx, 0, filter)))
	var given []eventstore.RecordedEvent
	_, err = store.AppendWith(ctx, func(_ context.Context, _ pgx.Tx, events []eventstore.RecordedEvent) error {
		given = events
		return nil
	}, added(order42, 1))
	require.NoError(t, err)
	assert.Equal(t, stream(t, store, order42)[3:], given)
	count, err := store.Count(ctx, 0, given[0].Position, filter, 3)
	require.NoError(t, err)
	assert.Equal(t, 3, count)
}

func findAndKeepSnapshots(t *testing.T, databaseURL string) {
	t.Helper()
	store := open(t, databaseURL, pgstore.Options{NoListen: true})
	events := stream(t, store, order42)
	last := events[len(events)-1]
	given, found, err := store.FindGiven(t.Context(), order42, events[1].ID)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, events[1], given)
	before, err := store.FindBefore(t.Context(), events[1].ID, last.Position)
	require.NoError(t, err)
	assert.Equal(t, events[1:2], before)
	before, err = store.FindBefore(t.Context(), last.ID, last.Position+1)
	require.NoError(t, err)
	assert.Equal(t, []eventstore.RecordedEvent{last}, before)

	saved := snapshotOf(order42, "it's \\ a kind", 1)
	require.NoError(t, store.SaveSnapshot(t.Context(), saved))
	saved.Version, saved.Data = 2, append(saved.Data, 1)
	require.NoError(t, store.SaveSnapshot(t.Context(), saved))
	loaded, found, err := store.LoadSnapshot(t.Context(), order42, saved.Kind)
	require.NoError(t, err)
	assert.True(t, found)
	saved.TakenAt = loaded.TakenAt
	assert.Equal(t, saved, loaded)
	deleted, err := store.DeleteSnapshots(t.Context(), eventstore.SnapshotSelection{Category: "order", Kind: saved.Kind})
	require.NoError(t, err)
	assert.Equal(t, 1, deleted)
}

func planAndClaim(t *testing.T, databaseURL string) {
	t.Helper()
	target := pgstore.NewTarget(newPool(t, databaseURL), nil)
	checkout := eventstore.ConsumerID{Name: "$pm.checkout", Version: 1}
	c := consumers(t, target)
	c.define(checkout, 1)
	timer := eventstore.Timer{Name: "it's \\ late", DueAt: time.Date(2031, 3, 1, 12, 0, 0, 1000, time.UTC)}
	one := eventstore.Entry{
		Process: checkout.Name, Instance: "42", Version: 1, Pending: true, Timers: []eventstore.Timer{timer},
	}
	other, over := one, one
	other.Instance, over.Instance = "43", "44"
	over.Pending, over.Over = false, true
	require.NoError(t, target.Plan(t.Context(), c.leaving(checkout, 0, 7), []eventstore.Entry{one, other, over}))
	parking := c.leaving(checkout, 0, 8)
	parking.Park = []eventstore.Parked{{Stream: order42, Version: 1, Position: 8, Type: addedType}}
	require.NoError(t, target.Plan(t.Context(), parking, []eventstore.Entry{one}))
	tasks, err := target.Claim(t.Context(), checkout.Name, eventstore.DutyCommands, time.Time{}, 10, time.Hour)
	require.NoError(t, err)
	require.Len(t, tasks, 2)
	timers, err := target.Claim(t.Context(), checkout.Name, eventstore.DutyTimers, timer.DueAt, 10, time.Hour)
	require.NoError(t, err)
	require.Len(t, timers, 2)
	other.Pending, other.Over = false, true
	require.NoError(t, target.Release(t.Context(),
		eventstore.Release{Task: tasks[0], Entry: one, Failed: true, Reason: "it's down", Delay: time.Minute},
		eventstore.Release{Task: timers[0], Entry: one},
		eventstore.Release{Task: tasks[1], Entry: other},
	))
	one.Parked = true
	require.NoError(t, target.Note(t.Context(), one))
	query := eventstore.EntryQuery{Pending: true, Parked: true, WithTimers: true, Limit: 1}
	entries, err := target.Entries(t.Context(), checkout.Name, query)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, "it's down", entries[0].Reason)
	assert.Equal(t, []eventstore.Timer{timer}, entries[0].Timers)
	summary, err := target.Summary(t.Context(), checkout.Name)
	require.NoError(t, err)
	assert.Equal(t, eventstore.AgendaSummary{Open: 1, Pending: 1, Parked: 1, WithTimers: 1}, summary)
	require.NoError(t, target.Pause(t.Context(), c.checkpoints(checkout)[0], "poison"))
	assert.True(t, c.checkpoints(checkout)[0].Paused)
}
