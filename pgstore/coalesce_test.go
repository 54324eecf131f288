package pgstore_test

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// Each transaction draws its positions from a block of its own.
func transactions(t *testing.T, store eventstore.Store) int {
	t.Helper()
	blocks := make(map[eventstore.Position]struct{})
	for event, err := range store.ReadAll(t.Context(), 0, eventstore.Filter{}) {
		require.NoError(t, err)
		blocks[(event.Position-1)/eventstore.MaxAppendEvents] = struct{}{}
	}
	return len(blocks)
}

// Appends that are made at the same time share transactions, also those to one stream, and each gets its own result.
func TestAppendsShareTransactions(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	const callers, each = 64, 10
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			own := eventstore.StreamID{Category: "order", Key: "of-caller-" + strconv.Itoa(caller)}
			for n := range each {
				result, err := store.Append(t.Context(), added(order42, 1),
					expecting(eventstore.Exactly(eventstore.Version(n)), added(own, 1)))
				if !assert.NoError(t, err) {
					return
				}
				assert.EqualValues(t, n+1, result.Writes[1].Version)
				assert.Equal(t, result.Writes[0].Position+1, result.Writes[1].Position)
			}
		})
	}
	running.Wait()
	require.Len(t, stream(t, store, order42), callers*each)
	assert.Less(t, transactions(t, store), callers*each/4)
}

// Same appends with the same IDs, made at the same time, have one result.
func TestRepeatsThatShareATransactionAreRecognized(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	for range 20 {
		write := withIDs(added(order42, 2))
		results := make([]eventstore.AppendResult, 16)
		var running sync.WaitGroup
		for i := range results {
			running.Go(func() {
				var err error
				results[i], err = store.Append(t.Context(), write)
				assert.NoError(t, err)
			})
		}
		running.Wait()
		for _, result := range results {
			assert.Equal(t, results[0], result)
		}
	}
	require.Len(t, stream(t, store, order42), 20*2)
}

// An append that finds no place in the queue waits, and is not written when its context ends.
func TestMaxAppends(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store := open(t, url, pgstore.Options{MaxAppends: 1})
	tx := begin(t, newPool(t, url), pgx.TxOptions{})
	_, err := store.AppendTx(t.Context(), tx, added(order42, 1))
	require.NoError(t, err)
	waiting := make(chan error, 1)
	go func() {
		_, err := store.Append(t.Context(), added(order42, 1))
		waiting <- err
	}()
	awaitBlocked(t, newPool(t, url))

	other := eventstore.StreamID{Category: "order", Key: "43"}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = store.Append(ctx, added(other, 1))
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, eventstore.ErrOutcomeUnknown)

	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-waiting)
	assert.Empty(t, stream(t, store, other))
	_, err = store.Append(t.Context(), added(other, 1))
	require.NoError(t, err)
}

func TestOptionsOfAppendAreChecked(t *testing.T) {
	t.Parallel()
	for _, options := range []pgstore.Options{{AppendLanes: -1}, {MaxAppends: -1}, {AnswerTimeout: -1}} {
		_, err := pgstore.Open(t.Context(), "", &options)
		require.ErrorIs(t, err, eventstore.ErrInvalid)
	}
}
