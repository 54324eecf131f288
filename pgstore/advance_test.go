package pgstore_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// P2: who was taken over from can neither begin a move nor go on with what it has prepared.
func TestATakeoverFencesTheOneBefore(t *testing.T) {
	t.Parallel()
	c := consumers(t, pgstore.NewTarget(newPool(t, migrated.Database(t)), nil))
	c.define(sales, 1)
	c.give(sales, "one", time.Hour)
	c.advance(sales, 0, 5)
	prepared := c.leaving(sales, 0, 9)
	c.give(sales, "other", time.Hour)
	for name, work := range map[string]func(context.Context, pgx.Tx) error{
		"with work": func(context.Context, pgx.Tx) error {
			t.Error("work was run")
			return nil
		},
		"without": nil,
	} {
		require.ErrorIs(t, c.target.Advance(t.Context(), prepared, work), eventstore.ErrCheckpointMoved, name)
	}
	assert.EqualValues(t, 5, c.checkpoints(sales)[0].Position)
	c.advance(sales, 0, 9)
}

// P2: a process that was stopped in the middle of a move holds up neither those who share out its work nor, for longer
// than the move has said, its successor.
func TestAMoveThatStandsStillIsEnded(t *testing.T) {
	t.Parallel()
	c := consumers(t, pgstore.NewTarget(newPool(t, migrated.Database(t)), nil))
	c.define(sales, 2)
	c.give(sales, "stopped", time.Hour)
	move := c.leaving(sales, 0, 7)
	move.IdleTimeout = 500 * time.Millisecond
	finish := c.halfway(move)

	c.give(sales, "successor", time.Hour)
	after := c.checkpoints(sales)
	assert.Equal(t, "stopped", after[0].Owner, "its move has not ended")
	assert.Equal(t, move.Epoch, after[0].Epoch)
	assert.Equal(t, "successor", after[1].Owner)
	require.Eventually(t, func() bool {
		c.give(sales, "successor", time.Hour)
		return c.checkpoints(sales)[0].Owner == "successor"
	}, time.Minute, 20*time.Millisecond)
	require.Error(t, finish())
	assert.Zero(t, c.checkpoints(sales)[0].Position)
	c.advance(sales, 0, 7)
}

func TestAMovesOwnTimeIsNotLongerThanTheTargets(t *testing.T) {
	t.Parallel()
	options := &pgstore.TargetOptions{IdleTransactionTimeout: 5 * time.Second}
	c := consumers(t, pgstore.NewTarget(newPool(t, migrated.Database(t)), options))
	c.define(sales, 1)
	for given, expected := range map[time.Duration]string{
		0: "5s", time.Second: "1s", time.Hour: "5s",
	} {
		move := c.leaving(sales, 0, 0)
		move.IdleTimeout = given
		var timeout string
		require.NoError(t, c.target.Advance(t.Context(), move, func(ctx context.Context, tx pgx.Tx) error {
			return tx.QueryRow(ctx, "SHOW idle_in_transaction_session_timeout").Scan(&timeout)
		}), given)
		assert.Equal(t, expected, timeout, given)
	}
}

// Each version of a read model has a place of its own, and what works on it names no schema.
func TestWorkFindsTheReadModelOfItsVersion(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	pool := newPool(t, url)
	for _, path := range []string{`"$user", public`, "public", ""} {
		_, err := pool.Exec(t.Context(), `DROP SCHEMA IF EXISTS "Sales's", "Sales's_v2" CASCADE;
			CREATE SCHEMA "Sales's"; CREATE TABLE "Sales's".totals (n int);
			CREATE SCHEMA "Sales's_v2"; CREATE TABLE "Sales's_v2".totals (n int)`)
		require.NoError(t, err)
		c := consumers(t, pgstore.NewTarget(newPoolWith(t, url, func(config *pgxpool.Config) {
			config.ConnConfig.RuntimeParams["search_path"] = path
		}), nil))
		second, alone := eventstore.ConsumerID{Name: "sales", Version: 2}, eventstore.ConsumerID{Name: "alone", Version: 1}
		c.define(sales, 1)
		c.define(second, 1)
		c.define(alone, 1)
		_, err = pool.Exec(t.Context(), `UPDATE pasttense.consumers SET read_model = 'Sales''s' WHERE consumer = 'sales'`)
		require.NoError(t, err)
		count := func(id eventstore.ConsumerID) error {
			return c.target.Advance(t.Context(), c.leaving(id, 0, 1), func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO totals VALUES ($1)", id.Version)
				return err
			})
		}
		require.NoError(t, count(sales))
		require.NoError(t, count(second))
		require.Error(t, count(alone), "it has no place of its own, and the path is as before")
		for _, schema := range []string{`"Sales's"`, `"Sales's_v2"`} {
			_, err := pool.Exec(t.Context(), "SELECT 1 / count(*) FROM "+schema+".totals") //nolint:gosec // names of the test's own
			require.NoError(t, err, schema)
		}
		require.NoError(t, c.target.Forget(t.Context(), second))
		require.NoError(t, c.target.Forget(t.Context(), sales))
		require.NoError(t, c.target.Forget(t.Context(), alone))
	}
}

// trips counts what goes to the server.
type trips struct{ batches, queries atomic.Int64 }

func (n *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	n.queries.Add(1)
	return ctx
}

func (n *trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (n *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	n.batches.Add(1)
	return ctx
}

func (n *trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (n *trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (n *trips) take() (batches, queries int64) { return n.batches.Swap(0), n.queries.Swap(0) }

// counted returns a pool whose round trips are counted.
func counted(t *testing.T, url string) (*pgxpool.Pool, *trips) {
	t.Helper()
	n := &trips{}
	return newPoolWith(t, url, func(config *pgxpool.Config) { config.ConnConfig.Tracer = n }), n
}

func TestAMoveWithoutWorkIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	pool, trips := counted(t, migrated.Database(t))
	c := consumers(t, pgstore.NewTarget(pool, nil))
	c.define(sales, 1)
	move := c.leaving(sales, 0, 5)
	trips.take()
	require.NoError(t, c.target.Advance(t.Context(), move, nil))
	batches, queries := trips.take()
	assert.EqualValues(t, 1, batches)
	assert.Zero(t, queries)

	moved := c.checkpoints(sales)[0]
	assert.EqualValues(t, 5, moved.Position)
	assert.Equal(t, move.Epoch, moved.Epoch)
	require.ErrorIs(t, c.target.Advance(t.Context(), move, nil), eventstore.ErrCheckpointMoved, "it is behind")
	next := c.leaving(sales, 0, 6)
	next.Epoch++
	require.ErrorIs(t, c.target.Advance(t.Context(), next, nil), eventstore.ErrCheckpointMoved, "it is ahead of its time")
	next.Partition = 1
	require.ErrorIs(t, c.target.Advance(t.Context(), next, nil), eventstore.ErrCheckpointMoved, "there is no such partition")
	next = c.leaving(sales, 0, 6)
	require.NoError(t, c.target.Pause(t.Context(), moved, "poison"))
	err := c.target.Advance(t.Context(), next, nil)
	require.ErrorIs(t, err, eventstore.ErrPaused)
	require.ErrorContains(t, err, "poison")
	require.ErrorIs(t, c.target.Advance(t.Context(), c.leaving(sales, 0, 6), nil), eventstore.ErrPaused)
	assert.EqualValues(t, 5, c.checkpoints(sales)[0].Position)
}

func TestAMoveTakesThreeRoundTrips(t *testing.T) {
	t.Parallel()
	pool, trips := counted(t, migrated.Database(t))
	c := consumers(t, pgstore.NewTarget(pool, nil))
	c.define(sales, 1)
	move := c.leaving(sales, 0, 5)
	move.Park = []eventstore.Parked{{Stream: order42, Version: 1, Position: 4, Type: addedType}}
	trips.take()
	require.NoError(t, c.target.Advance(t.Context(), move, nothing))
	batches, queries := trips.take()
	assert.EqualValues(t, 2, batches, "with BEGIN, and with the move")
	assert.EqualValues(t, 1, queries, "COMMIT")
}

// A connection on which a move has failed in whatever way does not carry the transaction on.
func TestAfterAFailedMoveTheConnectionIsFree(t *testing.T) {
	t.Parallel()
	c := consumers(t, pgstore.NewTarget(newLargePool(t, migrated.Database(t), 1), nil))
	c.define(sales, 1)
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, c.target.Advance(ctx, c.leaving(sales, 0, 5), func(context.Context, pgx.Tx) error {
		cancel()
		return ctx.Err()
	}), context.Canceled)
	require.Panics(t, func() {
		_ = c.target.Advance(t.Context(), c.leaving(sales, 0, 5), func(context.Context, pgx.Tx) error { panic("out of order") })
	})
	require.Error(t, c.target.Advance(t.Context(), c.leaving(sales, 0, 5), func(ctx context.Context, tx pgx.Tx) error {
		_, _ = tx.Exec(ctx, "SELECT 1 / 0")
		return nil
	}), "the transaction is spoilt")
	c.advance(sales, 0, 5)
}
