package projection_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/order"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

// parkingSales cannot apply a total below zero.
func parkingSales(store eventstore.Store, target *pgstore.Target) *projection.Projection[pgx.Tx] {
	sales := projection.New("sales", store, target, &projection.Options{Policy: projection.Park})
	projection.On(sales, order.Events,
		func(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[order.Event]) error {
			out, ok := e.Event.(order.CheckedOut)
			switch {
			case !ok:
				return nil
			case out.Total < 0:
				return projection.Permanent(fmt.Errorf("the total is %d", out.Total)) // to try again is of no use
			}
			_, err := tx.Exec(ctx, `INSERT INTO sales (order_id, total) VALUES ($1, $2)`, e.Stream.Key, out.Total)
			return err
		})
	return sales
}

func (g *guide) confirm(id string) eventstore.Position {
	g.t.Helper()
	result, err := g.orders.Execute(g.t.Context(), id, order.Confirm{})
	require.NoError(g.t, err)
	return result.Position
}

func TestGuidePark(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.makeSalesTable()
	broken := parkingSales(g.store, g.target)
	stop := g.start(broken.Run)
	for _, id := range []string{"42", "43", "44", "45"} {
		g.checkOut(id, "Socks", -1)
	}
	g.confirm("42") // waits behind the one that failed
	position := g.checkOut("46", "Socks", 999)
	g.waitFor(position)
	require.EqualValues(t, 999, g.number("SELECT sum(total)::bigint FROM sales"), "the others go on")
	require.NoError(t, listParked(t.Context(), g.store, broken))
	stream := eventstore.StreamID{Category: "order", Key: "42"}
	err := projection.WaitForStream(t.Context(), g.target, "sales", stream, position)
	require.ErrorIs(t, err, eventstore.ErrParked)
	g.requireParkedInSQL()

	require.ErrorIs(t, retryAndDiscard(t.Context(), broken), eventstore.ErrParked, "it fails again")
	stop()
	fixed := newSales(g.store, g.target)
	g.start(fixed.Run)
	require.NoError(t, retryAndDiscard(t.Context(), fixed))
	require.EqualValues(t, 998, g.number("SELECT sum(total)::bigint FROM sales"))
	g.exec(sqlRetry)
	g.exec(sqlDiscard)
	g.awaitParked(fixed, 0)
	require.EqualValues(t, 997, g.number("SELECT sum(total)::bigint FROM sales"))
	g.waitFor(g.checkOut("47", "Hat", 3))
}

// awaitParked waits until no more than some streams are parked.
func (g *guide) awaitParked(sales *projection.Projection[pgx.Tx], most int) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	_, err := g.target.Await(ctx, sales.ID(), 10*time.Millisecond, func([]eventstore.Checkpoint) bool {
		parked, err := sales.Parked(ctx)
		return err == nil && len(parked) <= most
	})
	require.NoError(g.t, err)
}

func listParked(ctx context.Context, store eventstore.Store, sales *projection.Projection[pgx.Tx]) error {
	all, err := sales.Parked(ctx)
	if err != nil {
		return err
	}
	for _, parked := range all {
		fmt.Println(parked.Stream, "waits since", parked.ParkedAt, "because of", parked.Reason)
		for event, err := range store.ReadStream(ctx, parked.Stream, eventstore.ReadOptions{From: parked.Version}) {
			if err != nil {
				return err
			}
			fmt.Println(event.Version, event.Type, string(event.Data))
		}
	}
	return nil
}

func retryAndDiscard(ctx context.Context, sales *projection.Projection[pgx.Tx]) error {
	if err := sales.Retry(ctx, eventstore.StreamID{Category: "order", Key: "42"}); err != nil {
		return err // ErrParked: it has failed again, and this says why
	}
	if err := sales.Discard(ctx, eventstore.StreamID{Category: "order", Key: "43"}); err != nil {
		return err
	}
	return nil
}

const (
	sqlParked = `
SELECT consumer, version, category, stream_key, stream_version, type, attempts, retry, parked_at, reason
FROM pasttense.parked
ORDER BY consumer, version, position;
`
	sqlParkedEvents = `
SELECT e.version, e.type, e.data
FROM pasttense.parked AS p
JOIN pasttense.events AS e
	ON e.category = p.category AND e.stream_key = p.stream_key AND e.version >= p.stream_version
WHERE p.consumer = 'sales' AND p.category = 'order' AND p.stream_key = '42'
ORDER BY e.version;
`
	sqlFailing = `
SELECT consumer, version, partition, state, parked, last_error
FROM pasttense.consumer_status
WHERE state = 'paused' OR parked > 0;
`
	sqlRetry = `
BEGIN;
SELECT FROM pasttense.checkpoints WHERE consumer = 'sales' AND version = 1 ORDER BY partition FOR UPDATE;
UPDATE pasttense.checkpoints SET epoch = epoch + 1 WHERE consumer = 'sales' AND version = 1;
UPDATE pasttense.parked SET retry = true
WHERE consumer = 'sales' AND version = 1 AND category = 'order' AND stream_key = '44';
COMMIT;
`
	sqlDiscard = `
BEGIN;
SELECT FROM pasttense.checkpoints WHERE consumer = 'sales' AND version = 1 ORDER BY partition FOR UPDATE;
UPDATE pasttense.checkpoints SET epoch = epoch + 1 WHERE consumer = 'sales' AND version = 1;
DELETE FROM pasttense.parked
WHERE consumer = 'sales' AND version = 1 AND category = 'order' AND stream_key = '45';
COMMIT;
`
)

func (g *guide) requireParkedInSQL() {
	g.t.Helper()
	parked := g.rows(sqlParked)
	require.Len(g.t, parked, 4)
	require.Equal(g.t, "42", parked[0]["stream_key"])
	require.Equal(g.t, "the total is -1", parked[0]["reason"])
	require.Len(g.t, g.rows(sqlParkedEvents), 2)
	failing := g.rows(sqlFailing)
	require.Len(g.t, failing, 1)
	require.EqualValues(g.t, 4, failing[0]["parked"])
}

// pausingSales is paused by a total below zero.
func pausingSales(store eventstore.Store, target *pgstore.Target) *projection.Projection[pgx.Tx] {
	sales := projection.New("sales", store, target, &projection.Options{
		Attempts:    3,
		IgnoreTypes: []string{"order.gift-wrapped"}, // passed over, although the codec does not know them
	})
	projection.On(sales, order.Events,
		func(_ context.Context, _ pgx.Tx, e eventstore.Envelope[order.Event]) error {
			if out, ok := e.Event.(order.CheckedOut); ok && out.Total < 0 {
				return fmt.Errorf("the total is %d", out.Total)
			}
			return nil
		})
	return sales
}

func TestGuidePause(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.makeSalesTable()
	broken := pausingSales(g.store, g.target)
	stop := g.start(broken.Run)
	position := g.checkOut("42", "Socks", -1)
	waiting, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.ErrorIs(t, projection.WaitFor(waiting, g.target, "sales", position), eventstore.ErrPaused)
	require.Contains(t, g.rows(sqlFailing)[0]["last_error"], "the total is -1")
	require.NoError(t, tellPaused(t.Context(), broken))
	stop()
	fixed := newSales(g.store, g.target)
	g.start(fixed.Run)
	require.NoError(t, resume(t.Context(), fixed))
	g.waitFor(position)

	checkpoints, err := g.target.Checkpoints(t.Context(), fixed.ID())
	require.NoError(t, err)
	require.NoError(t, g.target.Pause(t.Context(), checkpoints[0], "for a test"))
	g.exec(sqlResume)
	g.waitFor(g.checkOut("43", "Socks", 999))
}

const sqlResume = `
BEGIN;
SELECT FROM pasttense.checkpoints WHERE consumer = 'sales' AND version = 1 ORDER BY partition FOR UPDATE;
UPDATE pasttense.checkpoints SET paused = false, reason = '', epoch = epoch + 1
WHERE consumer = 'sales' AND version = 1 AND paused;
COMMIT;
`

func tellPaused(ctx context.Context, sales *projection.Projection[pgx.Tx]) error {
	status, err := sales.Status(ctx)
	if err != nil {
		return err
	}
	if status.State() == eventstore.ConsumerPaused {
		fmt.Println("stands at", status.Position, "because of", status.LastError)
	}
	return nil
}

func resume(ctx context.Context, sales *projection.Projection[pgx.Tx]) error {
	err := sales.Resume(ctx)
	return err
}

// skippingSales passes over what it cannot apply.
func skippingSales(store eventstore.Store, target *pgstore.Target) *projection.Projection[pgx.Tx] {
	sales := projection.New("sales", store, target, &projection.Options{Policy: projection.Skip})
	projection.On(sales, order.Events,
		func(_ context.Context, _ pgx.Tx, e eventstore.Envelope[order.Event]) error {
			if out, ok := e.Event.(order.CheckedOut); ok && out.Total < 0 {
				return projection.Permanent(fmt.Errorf("the total is %d", out.Total))
			}
			return nil
		})
	return sales
}

const sqlSkipped = `
SELECT category, stream_key, stream_version, position, type, skipped_at, reason
FROM pasttense.skipped
WHERE consumer = 'sales'
ORDER BY skipped_at DESC
LIMIT 20;
`

func TestGuideSkip(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	sales := skippingSales(g.store, g.target)
	g.checkOut("42", "Socks", -1)
	require.NoError(t, sales.CatchUp(t.Context()))
	require.NoError(t, listSkipped(t.Context(), sales))
	require.Len(t, g.rows(sqlSkipped), 1)
}

func listSkipped(ctx context.Context, sales *projection.Projection[pgx.Tx]) error {
	skipped, err := sales.Skipped(ctx, 20) // the latest first
	if err != nil {
		return err
	}
	for _, event := range skipped {
		fmt.Println("passed over", event.Type, "at version", event.Version, "of", event.Stream, "because of", event.Reason)
	}
	return nil
}
