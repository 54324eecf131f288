package aggregate_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

var quiet = slog.New(slog.DiscardHandler)

var migrated = pgtest.NewTemplate(func(ctx context.Context, url string) error {
	return pgstore.Migrate(ctx, url, &pgstore.MigrateOptions{Logger: quiet})
})

// inPostgres returns a store in a database of its own, and a pool to look into it.
func inPostgres(t testing.TB) (*keeping, *pgxpool.Pool) {
	t.Helper()
	url := migrated.Database(t)
	store, err := pgstore.Open(t.Context(), url, &pgstore.Options{Logger: quiet})
	require.NoError(t, err)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() {
		pool.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		assert.NoError(t, store.Close(ctx))
	})
	return &keeping{snapshotStore: store}, pool
}

// awaitSnapshot waits until a snapshot of a version was saved.
func awaitSnapshot(t *testing.T, store *keeping, version eventstore.Version) {
	t.Helper()
	require.Eventually(t, func() bool {
		versions := store.versions()
		return len(versions) > 0 && versions[len(versions)-1] == version
	}, 30*time.Second, time.Millisecond)
}

func TestSnapshotsInPostgres(t *testing.T) {
	store, pool := inPostgres(t)
	accounts := every(store, 10)
	for range 10 {
		_, err := accounts.Execute(t.Context(), "1", deposit{1, "a"})
		require.NoError(t, err)
	}
	awaitSnapshot(t, store, 10)
	_, err := accounts.Execute(t.Context(), "1", deposit{1, "a"})
	require.NoError(t, err)
	load := func(from eventstore.Version) {
		t.Helper()
		store.forgetCalls()
		loaded, err := accounts.Load(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, foldByHand(recordedIn(t, store.snapshotStore)), loaded.State)
		assert.Equal(t, from, store.reads[len(store.reads)-1])
	}
	load(10)

	_, err = pool.Exec(t.Context(), `UPDATE pasttense.snapshots SET data = set_byte(data, 30, 0)`)
	require.NoError(t, err)
	load(0)
	_, err = accounts.Execute(t.Context(), "1", deposit{1, "a"})
	require.NoError(t, err)
	awaitSnapshot(t, store, 12)
	load(12)

	_, err = pool.Exec(t.Context(), `TRUNCATE pasttense.snapshots`)
	require.NoError(t, err)
	load(0)

	_, err = pool.Exec(t.Context(), `DROP TABLE pasttense.snapshots`)
	require.NoError(t, err)
	load(0)
	_, err = accounts.Execute(t.Context(), "1", deposit{1, "a"})
	require.NoError(t, err)
	settle(t, accounts)
}

func TestACommandThatComesAgainAfterACrashInPostgres(t *testing.T) {
	store, _ := inPostgres(t)
	first, err := accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", deposit{5, "a"}, withdrawAll{})
	require.NoError(t, err)
	other := every(store, 3)
	for range 3 {
		_, err := other.Execute(t.Context(), "1", deposit{1, "a"})
		require.NoError(t, err)
	}
	settle(t, other)
	require.NotEmpty(t, store.saved)
	first.Repeated = true
	both := aggregate.New[account](store, movements, &aggregate.Options{
		CacheBytes: cacheBytes, Snapshots: &aggregate.SnapshotOptions{Every: 3},
	})
	for _, again := range []aggregate.Command[account, movement]{withdraw{100}, deposit{5, "a"}, deposit{0, ""}, decideFunc(audit)} {
		for _, accounts := range []*accounts{every(store, 3), both} {
			repeat, err := accounts.ExecuteOnce(t.Context(), commandA, "1", again)
			require.NoError(t, err)
			assert.Equal(t, first, repeat)
		}
	}
	assert.Len(t, recordedIn(t, store.snapshotStore), 5)
}

// Each command ID is executed by several callers at once, on repositories that start from different things.
func TestTheSameCommandsConcurrentlyInPostgres(t *testing.T) {
	const rounds = 30
	store, _ := inPostgres(t)
	var copies []*accounts
	for _, start := range kinds {
		copies = append(copies, start(store))
	}
	for round := range rounds {
		id := uuid.New()
		results := make([]aggregate.Result[account], len(copies))
		var all sync.WaitGroup
		for i, accounts := range copies {
			all.Go(func() {
				var err error
				results[i], err = accounts.ExecuteOnce(t.Context(), id, "1", deposit{1, "a"})
				assert.NoError(t, err)
			})
		}
		all.Wait()
		for _, result := range results {
			assert.EqualValues(t, round+1, result.Version)
			assert.Equal(t, round+1, result.State.Balance)
		}
	}
	for _, accounts := range copies {
		settle(t, accounts)
	}
	assert.Len(t, recordedIn(t, store.snapshotStore), rounds)
}
