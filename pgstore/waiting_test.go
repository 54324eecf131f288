package pgstore_test

import (
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// S9: appends that wait for a stream which somebody's open transaction has written to do not keep the connections from
// those that need not wait.
func TestWaitingAppendsDoNotStarveOthers(t *testing.T) {
	t.Parallel()
	databaseURL := migrated.Database(t)
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	query := u.Query()
	query.Set("pool_max_conns", "4")
	u.RawQuery = query.Encode()
	store := open(t, u.String(), pgstore.Options{})

	tx := begin(t, newPool(t, databaseURL), pgx.TxOptions{})
	_, err = store.AppendTx(t.Context(), tx, added(order42, 1))
	require.NoError(t, err)
	const waiting = 32
	var waiters sync.WaitGroup
	for range waiting {
		waiters.Go(func() {
			_, err := store.Append(t.Context(), added(order42, 1))
			assert.NoError(t, err)
		})
	}
	awaitBlocked(t, newPool(t, databaseURL))
	const appends = 50
	begun := time.Now()
	for range appends {
		_, err := store.Append(t.Context(), added(eventstore.StreamID{Category: "order", Key: "43"}, 1))
		require.NoError(t, err)
	}
	assert.Less(t, time.Since(begun), 10*time.Second, "the time of %d appends that need not wait", appends)
	require.NoError(t, tx.Commit(t.Context()))
	waiters.Wait()
	require.Len(t, stream(t, store, order42), waiting+1)
}
