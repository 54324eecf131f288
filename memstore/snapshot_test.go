package memstore_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// A stream keeps the snapshots of a former version of the program until that of today has been in use for long, however
// old they are.
func TestSnapshotsOfOtherKindsAreRemovedInTheEnd(t *testing.T) {
	t.Parallel()
	clock := newClock()
	store := memstore.New(&memstore.Options{Now: clock.now})
	save := func(kind string, version eventstore.Version) {
		require.NoError(t, store.SaveSnapshot(t.Context(), eventstore.Snapshot{
			Stream: order("42"), Kind: kind, Version: version, Position: 1, EventID: uuid.New(),
		}))
	}
	kept := func() (kinds []string) {
		for _, kind := range []string{"old", "new", "beside"} {
			loaded, found, err := store.LoadSnapshot(t.Context(), order("42"), kind)
			require.NoError(t, err)
			if found {
				assert.False(t, loaded.TakenAt.After(clock.now()))
				kinds = append(kinds, kind)
			}
		}
		return kinds
	}
	save("old", 1)
	clock.advance(10 * eventstore.SnapshotRetention)
	save("new", 2)
	assert.Equal(t, []string{"old", "new"}, kept(), "new has only begun")
	clock.advance(eventstore.SnapshotRetention - time.Minute)
	save("new", 3)
	assert.Equal(t, []string{"old", "new"}, kept(), "new is not in use for long enough")
	save("beside", 1)
	clock.advance(2 * time.Minute)
	save("new", 1) // which is not saved
	assert.Equal(t, []string{"new", "beside"}, kept())
	clock.advance(eventstore.SnapshotRetention)
	save("new", 1)
	assert.Equal(t, []string{"new"}, kept())
}
