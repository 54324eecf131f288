package memstore_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

func nothing(context.Context, *memstore.Tx) error { return nil }

func TestAdvanceAppliesTablesAndCheckpointAtOnce(t *testing.T) {
	clock := newClock()
	target := memstore.NewTarget(&memstore.TargetOptions{Now: clock.now})
	names := memstore.NewTable[string, string](target)
	counts := memstore.NewTable[string, int](target)

	define(t, target, "sales")
	move := next(t, target, "sales")
	move.To = 7
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
	assert.Equal(t, eventstore.Checkpoint{
		Consumer: first("sales"), Partitions: 1, Position: 7, Live: true, UpdatedAt: clock.now(),
	}, checkpoint(t, target, "sales"))
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
			define(t, target, "sales")
			before := checkpoint(t, target, "sales")
			put := func(ctx context.Context, then func() error) error {
				return target.Advance(ctx, next(t, target, "sales"),
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
			assert.Equal(t, before, checkpoint(t, target, "sales"))
			require.NoError(t, put(t.Context(), func() error { return nil }))
			assert.Equal(t, 1, table.Len())
		})
	}
}

func TestMisusedTxPanics(t *testing.T) {
	target, other := memstore.NewTarget(nil), memstore.NewTarget(nil)
	table, foreign := memstore.NewTable[string, int](target), memstore.NewTable[string, int](other)
	define(t, target, "sales")
	var kept *memstore.Tx
	err := target.Advance(t.Context(), next(t, target, "sales"),
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

// A handler that takes long holds up the next handler and its own checkpoint's Pause, and nobody else.
func TestLongHandlerHoldsUpNoReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := memstore.NewTarget(nil)
		table := memstore.NewTable[string, int](target)
		define(t, target, "slow", "next", "hasty", "checkout")
		start := func(do func() error) <-chan error {
			done := make(chan error, 1)
			go func() { done <- do() }()
			synctest.Wait()
			return done
		}
		advance := func(ctx context.Context, name string, work func(context.Context, *memstore.Tx) error) <-chan error {
			move := next(t, target, name)
			return start(func() error { return target.Advance(ctx, move, work) })
		}
		release := make(chan struct{})
		slow := advance(t.Context(), "slow", func(context.Context, *memstore.Tx) error { <-release; return nil })
		following := advance(t.Context(), "next", nothing)
		at := checkpoint(t, target, "slow")
		pause := start(func() error { return target.Pause(t.Context(), at, "broken") })
		ctx, cancel := context.WithCancel(t.Context())
		hasty := advance(ctx, "hasty", nothing)
		cancel()
		require.ErrorIs(t, <-hasty, context.Canceled, "waiting for a turn ends with the context")

		assert.Zero(t, checkpoint(t, target, "slow").Position)
		assert.Zero(t, table.Len())
		require.NoError(t, target.Plan(t.Context(), next(t, target, "checkout"), nil))
		require.NoError(t, target.Advance(t.Context(), next(t, target, "hasty"), nil), "without work there is no turn")
		require.NoError(t, target.Pause(t.Context(), checkpoint(t, target, "hasty"), "stop"))
		require.NoError(t, target.Resume(t.Context(), first("hasty")))
		require.Empty(t, slow)
		require.Empty(t, following)
		require.Empty(t, pause)
		close(release)
		require.NoError(t, <-slow)
		require.NoError(t, <-following)
		require.ErrorIs(t, <-pause, eventstore.ErrCheckpointMoved)
	})
}

// Whoever wants to halt a consumer gets its turn, however busy the consumer is.
func TestControlIsNotHeldUpByOneMoveAfterAnother(t *testing.T) {
	target := memstore.NewTarget(nil)
	require.NoError(t, target.Define(t.Context(), first("busy"), eventstore.Definition{Partitions: 4}))
	all, err := target.Checkpoints(t.Context(), first("busy"))
	require.NoError(t, err)
	together(t, 5, func(i int) error {
		if i == 4 {
			for range 20 {
				if _, err := target.Halt(t.Context(), time.Hour, first("busy")); err != nil {
					return err
				}
			}
			return target.Proceed(t.Context(), first("busy"))
		}
		for at := all[i]; ; at.Position++ {
			move := eventstore.Move{
				Consumer: at.Consumer, Partition: i, Epoch: at.Epoch, From: at.Position, To: at.Position + 1,
			}
			if err := target.Advance(t.Context(), move, nothing); errors.Is(err, eventstore.ErrCheckpointMoved) {
				return nil
			}
		}
	})
}

func TestPausedConsumerDoesNotMove(t *testing.T) {
	clock := newClock()
	target := memstore.NewTarget(&memstore.TargetOptions{Now: clock.now})
	define(t, target, "sales")
	clock.advance(time.Second)
	before := checkpoint(t, target, "sales")
	require.NoError(t, target.Pause(t.Context(), before, "no such item"))
	paused := checkpoint(t, target, "sales")
	assert.Equal(t, eventstore.Checkpoint{
		Consumer: first("sales"), Partitions: 1, Epoch: before.Epoch + 1, Live: true,
		Paused: true, Reason: "no such item", UpdatedAt: clock.now(),
	}, paused)

	require.NoError(t, target.Pause(t.Context(), paused, "another reason"))
	assert.Equal(t, paused, checkpoint(t, target, "sales"))
	require.ErrorIs(t, target.Pause(t.Context(), before, "late"), eventstore.ErrCheckpointMoved)

	move := next(t, target, "sales")
	require.ErrorIs(t, target.Advance(t.Context(), move, nothing), eventstore.ErrPaused)
	require.ErrorIs(t, target.Plan(t.Context(), move, nil), eventstore.ErrPaused)
	require.NoError(t, target.Resume(t.Context(), first("sales")))
	require.ErrorIs(t, target.Advance(t.Context(), move, nothing), eventstore.ErrCheckpointMoved)
	require.NoError(t, target.Advance(t.Context(), next(t, target, "sales"), nothing))
	assert.False(t, checkpoint(t, target, "sales").Paused)
}

func TestTargetHonoursItsContext(t *testing.T) {
	target := memstore.NewTarget(nil)
	define(t, target, "sales")
	ctx := ended(t)
	require.ErrorIs(t, target.Advance(ctx, next(t, target, "sales"), nothing), context.Canceled)
	require.ErrorIs(t, target.Plan(ctx, next(t, target, "sales"), nil), context.Canceled)
}
