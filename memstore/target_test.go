package memstore_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

func nothing(context.Context, *memstore.Tx) error { return nil }

func checkpoint(t *testing.T, target *memstore.Target, consumer string) eventstore.Checkpoint {
	t.Helper()
	c, err := target.Checkpoint(t.Context(), consumer)
	require.NoError(t, err)
	return c
}

func TestAdvanceAppliesTablesAndCheckpointAtOnce(t *testing.T) {
	clock := newClock()
	target := memstore.NewTarget(&memstore.TargetOptions{Now: clock.now})
	names := memstore.NewTable[string, string](target)
	counts := memstore.NewTable[string, int](target)

	move := eventstore.Move{Consumer: "sales", From: 0, To: 7}
	err := target.Advance(t.Context(), move, func(_ context.Context, tx *memstore.Tx) error {
		names.PutTx(tx, "1", "Socks")
		counts.PutTx(tx, "Socks", 3)
		assert.Zero(t, names.Len())
		assert.Zero(t, counts.Len())
		assert.Zero(t, checkpoint(t, target, "sales").Position)
		return nil
	})
	require.NoError(t, err)
	name, found := names.Get("1")
	assert.True(t, found)
	assert.Equal(t, "Socks", name)
	count, found := counts.Get("Socks")
	assert.True(t, found)
	assert.Equal(t, 3, count)
	assert.Equal(t, eventstore.Checkpoint{Consumer: "sales", Position: 7, UpdatedAt: clock.now()},
		checkpoint(t, target, "sales"))
}

func TestFailedAdvanceLeavesNoTrace(t *testing.T) {
	broken := errors.New("broken")
	for name, fail := range map[string]func(cancel func()) error{
		"error":         func(func()) error { return broken },
		"panic":         func(func()) error { panic(broken) },
		"ended context": func(cancel func()) error { cancel(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			target := memstore.NewTarget(nil)
			table := memstore.NewTable[string, int](target)
			put := func(ctx context.Context, then func() error) error {
				return target.Advance(ctx, eventstore.Move{Consumer: "sales", To: 1},
					func(_ context.Context, tx *memstore.Tx) error {
						table.PutTx(tx, "1", 1)
						return then()
					})
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			advance := func() error { return put(ctx, func() error { return fail(cancel) }) }
			switch name {
			case "error":
				require.ErrorIs(t, advance(), broken)
			case "panic":
				require.PanicsWithValue(t, broken, func() { _ = advance() })
			default:
				require.ErrorIs(t, advance(), context.Canceled)
			}

			assert.Zero(t, table.Len())
			assert.Equal(t, eventstore.Checkpoint{Consumer: "sales"}, checkpoint(t, target, "sales"))
			require.NoError(t, put(t.Context(), func() error { return nil }))
			assert.Equal(t, 1, table.Len())
		})
	}
}

func TestMisusedTxPanics(t *testing.T) {
	target, other := memstore.NewTarget(nil), memstore.NewTarget(nil)
	table, foreign := memstore.NewTable[string, int](target), memstore.NewTable[string, int](other)
	var kept *memstore.Tx
	err := target.Advance(t.Context(), eventstore.Move{Consumer: "sales", To: 1},
		func(_ context.Context, tx *memstore.Tx) error {
			kept = tx
			assert.PanicsWithValue(t, "memstore: the Tx is of another Target than the Table", func() {
				foreign.PutTx(tx, "1", 1)
			})
			return nil
		})
	require.NoError(t, err)
	ended := "memstore: the Tx is used after its Advance has returned"
	assert.PanicsWithValue(t, ended, func() { table.PutTx(kept, "1", 1) })
	assert.PanicsWithValue(t, ended, func() { table.DeleteTx(kept, "1") })
	assert.PanicsWithValue(t, ended, func() { table.GetTx(kept, "1") })
	assert.PanicsWithValue(t, ended, func() { table.AllTx(kept)(func(string, int) bool { return true }) })
	assert.Zero(t, table.Len())
}

// A handler that takes long holds up the next handler and its own consumer's Pause, and nobody else.
func TestLongHandlerHoldsUpNoReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := memstore.NewTarget(nil)
		table := memstore.NewTable[string, int](target)
		start := func(do func() error) <-chan error {
			done := make(chan error, 1)
			go func() { done <- do() }()
			synctest.Wait()
			return done
		}
		release := make(chan struct{})
		slow := start(func() error {
			return target.Advance(t.Context(), eventstore.Move{Consumer: "slow", To: 1},
				func(context.Context, *memstore.Tx) error { <-release; return nil })
		})
		next := start(func() error {
			return target.Advance(t.Context(), eventstore.Move{Consumer: "next", To: 1}, nothing)
		})
		pause := start(func() error { return target.Pause(t.Context(), "slow", 0, "broken") })
		ctx, cancel := context.WithCancel(t.Context())
		hasty := start(func() error {
			return target.Advance(ctx, eventstore.Move{Consumer: "hasty", To: 1}, nothing)
		})
		cancel()
		require.ErrorIs(t, <-hasty, context.Canceled, "waiting for a turn ends with the context")

		assert.Zero(t, checkpoint(t, target, "slow").Position)
		assert.Zero(t, table.Len())
		require.NoError(t, target.Plan(t.Context(), eventstore.Move{Consumer: "checkout", To: 1}, nil))
		require.NoError(t, target.Pause(t.Context(), "next", 0, "stop"))
		require.NoError(t, target.Resume(t.Context(), "next"))
		require.Empty(t, slow)
		require.Empty(t, next)
		require.Empty(t, pause)
		close(release)
		require.NoError(t, <-slow)
		require.NoError(t, <-next)
		require.ErrorIs(t, <-pause, eventstore.ErrCheckpointMoved)
	})
}

func TestPausedConsumerDoesNotMove(t *testing.T) {
	clock := newClock()
	target := memstore.NewTarget(&memstore.TargetOptions{Now: clock.now})
	require.NoError(t, target.Resume(t.Context(), "sales"))
	require.NoError(t, target.Pause(t.Context(), "sales", 0, "no such item"))
	assert.Equal(t, eventstore.Checkpoint{
		Consumer: "sales", Paused: true, Reason: "no such item", UpdatedAt: clock.now(),
	}, checkpoint(t, target, "sales"))

	require.NoError(t, target.Pause(t.Context(), "sales", 0, "another reason"))
	assert.Equal(t, "no such item", checkpoint(t, target, "sales").Reason)

	move := eventstore.Move{Consumer: "sales", To: 1}
	require.ErrorIs(t, target.Advance(t.Context(), move, nothing), eventstore.ErrPaused)
	require.ErrorIs(t, target.Plan(t.Context(), move, nil), eventstore.ErrPaused)
	require.NoError(t, target.Resume(t.Context(), "sales"))
	require.NoError(t, target.Advance(t.Context(), move, nothing))
	require.ErrorIs(t, target.Pause(t.Context(), "sales", 0, "late"), eventstore.ErrCheckpointMoved)
	assert.False(t, checkpoint(t, target, "sales").Paused)
}

func TestTargetHonoursItsContext(t *testing.T) {
	target := memstore.NewTarget(nil)
	move := eventstore.Move{Consumer: "sales", To: 1}
	ctx := ended(t)
	_, err := target.Checkpoint(ctx, "sales")
	require.ErrorIs(t, err, context.Canceled)
	_, err = target.Claim(ctx, "sales", 1, 0)
	require.ErrorIs(t, err, context.Canceled)
	_, err = target.Tasks(ctx, "sales")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, target.Advance(ctx, move, nothing), context.Canceled)
	require.ErrorIs(t, target.Plan(ctx, move, nil), context.Canceled)
	require.ErrorIs(t, target.Pause(ctx, "sales", 0, ""), context.Canceled)
	require.ErrorIs(t, target.Resume(ctx, "sales"), context.Canceled)
	require.ErrorIs(t, target.Postpone(ctx, eventstore.Task{}, 0, ""), context.Canceled)
	require.ErrorIs(t, target.Done(ctx, eventstore.Task{}), context.Canceled)
}
