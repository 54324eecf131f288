package pgstore_test

import (
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// S8: a program that appends and ends at once wakes other processes all the same.
func TestCloseAnnouncesTheLastAppend(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	next, stop := iter.Pull2(open(t, url, pgstore.Options{}).Subscribe(t.Context(), 0, eventstore.Filter{}))
	defer stop()
	_, err, _ := next() // subscribed
	require.NoError(t, err)
	for range 5 {
		store, err := pgstore.Open(t.Context(), url, &pgstore.Options{Logger: silent, NoListen: true})
		require.NoError(t, err)
		for range 2 { // the second within the least time between two notifications
			_, err := store.Append(t.Context(), added(order42, 1))
			require.NoError(t, err)
		}
		head, err := store.Head(t.Context())
		require.NoError(t, err)
		closeStore(t, store)
		for through := eventstore.Position(0); through < head; {
			batch, err, _ := next()
			require.NoError(t, err)
			through = batch.Through
		}
	}
}
