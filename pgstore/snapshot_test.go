package pgstore_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

func snapshotOf(stream eventstore.StreamID, kind string, version eventstore.Version) eventstore.Snapshot {
	return eventstore.Snapshot{
		Stream: stream, Kind: kind, Version: version, Position: 20_000, EventID: uuid.New(), Data: []byte{0, 0xff, '\\', '\''},
	}
}

// kinds returns which kinds of snapshots a stream has, of some.
func kinds(t *testing.T, store *pgstore.Store, stream eventstore.StreamID, some ...string) []string {
	t.Helper()
	var kept []string
	for _, kind := range some {
		_, found, err := store.LoadSnapshot(t.Context(), stream, kind)
		require.NoError(t, err)
		if found {
			kept = append(kept, kind)
		}
	}
	return kept
}

// A stream keeps the snapshots of a former version of the program until that of today has been in use for long, however
// old they are.
func TestSnapshotsOfOtherKindsAreRemovedInTheEnd(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newPool(t, url)
	other := eventstore.StreamID{Category: "order", Key: "other"}
	save := func(stream eventstore.StreamID, kind string, version eventstore.Version) {
		require.NoError(t, store.SaveSnapshot(t.Context(), snapshotOf(stream, kind, version)))
	}
	age := func(by time.Duration, columns, kind string) {
		_, err := pool.Exec(t.Context(), "UPDATE pasttense.snapshots SET "+columns+" WHERE kind = $2", by, kind)
		require.NoError(t, err)
	}
	const both, taken = "taken_at = taken_at - $1::interval, since = since - $1::interval", "taken_at = taken_at - $1::interval"
	const long, short = eventstore.SnapshotRetention + time.Minute, eventstore.SnapshotRetention - time.Minute

	save(order42, "old", 1)
	save(other, "old", 1)
	age(10*long, both, "old")
	save(order42, "new", 2)
	assert.Equal(t, []string{"old", "new"}, kinds(t, store, order42, "old", "new"), "new has only begun")
	age(short, both, "new")
	save(order42, "new", 3)
	assert.Equal(t, []string{"old", "new"}, kinds(t, store, order42, "old", "new"), "new is not in use for long enough")
	loaded, _, err := store.LoadSnapshot(t.Context(), order42, "new")
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), loaded.TakenAt, time.Hour)
	age(long, both, "new")
	save(order42, "beside", 4)
	save(order42, "new", 4)
	assert.Equal(t, []string{"new", "beside"}, kinds(t, store, order42, "old", "new", "beside"))
	assert.Equal(t, []string{"old"}, kinds(t, store, other, "old"))

	age(long, taken, "beside")
	age(long, taken, "new")
	save(order42, "new", 1) // which is not saved
	assert.Equal(t, []string{"new"}, kinds(t, store, order42, "old", "new", "beside"))
}

// Whoever may append may keep snapshots; who reads may use them.
func TestRolesOfSnapshots(t *testing.T) {
	t.Parallel()
	databaseURL := migrated.Database(t)
	roles := setUpRoles(t, databaseURL)
	writer := open(t, as(t, databaseURL, roles.Writer), pgstore.Options{})
	require.NoError(t, writer.SaveSnapshot(t.Context(), snapshotOf(order42, "kind", 1)))
	require.NoError(t, writer.SaveSnapshot(t.Context(), snapshotOf(order42, "kind", 2)))
	for _, role := range []string{roles.Consumer, roles.Reader} {
		store := open(t, as(t, databaseURL, role), pgstore.Options{})
		loaded, found, err := store.LoadSnapshot(t.Context(), order42, "kind")
		require.NoError(t, err)
		assert.True(t, found)
		assert.EqualValues(t, 2, loaded.Version)
		_, err = store.FindBefore(t.Context(), uuid.New(), 1)
		require.NoError(t, err)

		err = store.SaveSnapshot(t.Context(), snapshotOf(order42, "kind", 3))
		requireDenied(t, err, "save")
		require.ErrorContains(t, err, `save a snapshot of stream "order-42": the role may not write snapshots`)
		_, err = store.DeleteSnapshots(t.Context(), eventstore.SnapshotSelection{Category: "order", Kind: "kind"})
		requireDenied(t, err, "delete")
		require.ErrorContains(t, err, `delete snapshots of category "order" of kind "kind": the role may not write snapshots`)
	}
	deleted, err := writer.DeleteSnapshots(t.Context(), eventstore.SnapshotSelection{})
	require.NoError(t, err)
	assert.Equal(t, 1, deleted)
}

// A program whose database or role is read only by default can append, and keep snapshots.
func TestSnapshotsWhereReadingOnlyIsTheDefault(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	pgtest.SetDefault(t, url, "default_transaction_read_only", "on")
	store := open(t, url, pgstore.Options{})
	require.NoError(t, store.SaveSnapshot(t.Context(), snapshotOf(order42, "kind", 1)))
	deleted, err := store.DeleteSnapshots(t.Context(), eventstore.SnapshotSelection{Category: "order", Key: "42"})
	require.NoError(t, err)
	assert.Equal(t, 1, deleted)
}

// A session that was forgotten in the middle of something keeps a save from its connection for a second, not for ever.
func TestASaveDoesNotWaitLongForALock(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newPool(t, url)
	require.NoError(t, store.SaveSnapshot(t.Context(), snapshotOf(order42, "old", 1)))
	require.NoError(t, store.SaveSnapshot(t.Context(), snapshotOf(order42, "new", 1)))
	_, err := pool.Exec(t.Context(), "UPDATE pasttense.snapshots SET taken_at = '2001-01-01', since = '2001-01-01'")
	require.NoError(t, err)
	tx := begin(t, pool, pgx.TxOptions{})
	_, err = tx.Exec(t.Context(), "SELECT FROM pasttense.snapshots WHERE kind = 'old' FOR UPDATE")
	require.NoError(t, err)

	begun := time.Now()
	err = store.SaveSnapshot(t.Context(), snapshotOf(order42, "old", 2))
	require.ErrorContains(t, err, "lock timeout")
	assert.Less(t, time.Since(begun), 10*time.Second)
	// To remove it is left to another save.
	require.NoError(t, store.SaveSnapshot(t.Context(), snapshotOf(order42, "new", 2)))
	require.NoError(t, tx.Rollback(t.Context()))
	assert.Equal(t, []string{"old", "new"}, kinds(t, store, order42, "old", "new"))
	require.NoError(t, store.SaveSnapshot(t.Context(), snapshotOf(order42, "new", 3)))
	assert.Equal(t, []string{"new"}, kinds(t, store, order42, "old", "new"))
}

// A save on a connection that is cut off is repeated on another.
func TestASaveOutlivesAConnectionThatIsCutOff(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	_, err := newPool(t, url).Exec(t.Context(), `
		CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
		CREATE TRIGGER dawdle BEFORE INSERT ON pasttense.snapshots EXECUTE FUNCTION dawdle()`)
	require.NoError(t, err)
	store := open(t, url, pgstore.Options{AnswerTimeout: 100 * time.Millisecond})
	require.NoError(t, store.SaveSnapshot(t.Context(), snapshotOf(order42, "kind", 1)))
	assert.Equal(t, []string{"kind"}, kinds(t, store, order42, "kind"))
}
