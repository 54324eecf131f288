package aggregate_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
)

// kinds are the ways to run a repository that must not be told apart.
var kinds = map[string]func(store *keeping) *accounts{
	"plain":  func(store *keeping) *accounts { return accountsIn(store) },
	"kept":   func(store *keeping) *accounts { return every(store, 3) },
	"cached": func(store *keeping) *accounts { return cachedIn(store) },
	"both": func(store *keeping) *accounts {
		return aggregate.New[account](store, movements, &aggregate.Options{
			CacheBytes: 8000, Snapshots: &aggregate.SnapshotOptions{Every: 5, Logger: slog.New(slog.DiscardHandler)},
		})
	},
	"without finder": func(store *keeping) *accounts {
		return aggregate.New[account](withoutFinder{store, store}, movements, &aggregate.Options{
			CacheBytes: cacheBytes, Snapshots: &aggregate.SnapshotOptions{Every: 4, Logger: slog.New(slog.DiscardHandler)},
		})
	},
}

// Repositories with and without snapshots and caches share a store. Whatever is executed, and whatever happens to the
// snapshots, they do what a plain fold of all events does.
func TestRandomCommandsWithSnapshotsInTheWay(t *testing.T) {
	saved := 0
	synctest.Test(t, func(t *testing.T) {
		// Rapid would ask for the deadline, which is not allowed here.
		rapid.Check(struct{ testing.TB }{t}, func(t *rapid.T) { saved += commandsWithSnapshots(t) })
	})
	assert.Positive(t, saved)
}

func commandsWithSnapshots(t *rapid.T) int {
	ctx := context.Background()
	store := inMemory()
	running := make(map[string]*accounts)
	for name, start := range kinds {
		running[name] = start(store)
	}
	m := &model{events: make(map[string][]movement), outcomes: make(map[execution]eventstore.Version)}
	names := rapid.SampledFrom([]string{"plain", "kept", "cached", "both", "without finder"})
	keys := rapid.SampledFrom([]string{"1", "2"})
	ids := rapid.SampledFrom([]uuid.UUID{commandA, commandB, uuid.Max})
	t.Repeat(map[string]func(*rapid.T){
		"execute": func(t *rapid.T) {
			key, commands := keys.Draw(t, "key"), drawCommands(t)
			result, err := running[names.Draw(t, "repository")].Execute(ctx, key, commands...)
			m.compare(t, key, result, err, m.execute(key, commands))
			synctest.Wait()
		},
		"execute once": func(t *rapid.T) {
			key, commands := keys.Draw(t, "key"), drawCommands(t)
			id := execution{ids.Draw(t, "id"), key}
			result, err := running[names.Draw(t, "repository")].ExecuteOnce(ctx, id.id, key, commands...)
			m.compareOnce(t, id, commands, result, err)
			synctest.Wait()
		},
		"load": func(t *rapid.T) {
			key := keys.Draw(t, "key")
			result, err := running[names.Draw(t, "repository")].Load(ctx, key)
			m.compare(t, key, result, err, nil)
		},
		"load at a version": func(t *rapid.T) {
			key := keys.Draw(t, "key")
			version := eventstore.Version(rapid.Int64Range(0, int64(m.version(key))).Draw(t, "version"))
			result, err := running[names.Draw(t, "repository")].LoadAt(ctx, key, aggregate.AtVersion(version))
			require.NoError(t, err)
			assert.Equal(t, m.at(key, version), result.State)
		},
		"restart": func(t *rapid.T) {
			name := names.Draw(t, "repository")
			require.NoError(t, running[name].Close(ctx))
			running[name] = kinds[name](store)
		},
		"delete": func(t *rapid.T) {
			_, err := store.DeleteSnapshots(ctx, eventstore.SnapshotSelection{Category: "account", Key: keys.Draw(t, "key")})
			require.NoError(t, err)
		},
		"harm": func(t *rapid.T) { harm(t, store) },
	})
	for key := range m.events {
		for _, accounts := range running {
			result, err := accounts.Load(ctx, key)
			m.compare(t, key, result, err, nil)
			require.NoError(t, accounts.Close(ctx))
		}
	}
	return len(store.saved)
}

// harm puts something else in the place of a snapshot: one that was damaged, of another stream or of another version.
func harm(t *rapid.T, store *keeping) {
	if len(store.saved) == 0 {
		t.Skip("no snapshot")
	}
	snapshots := rapid.SampledFrom(store.saved)
	snapshot, other := snapshots.Draw(t, "snapshot"), snapshots.Draw(t, "other")
	switch rapid.SampledFrom([]string{"bit", "cut", "data", "version", "event"}).Draw(t, "harm") {
	case "bit":
		snapshot.Data = append([]byte(nil), snapshot.Data...)
		snapshot.Data[rapid.IntRange(0, len(snapshot.Data)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case "cut":
		snapshot.Data = snapshot.Data[:rapid.IntRange(0, len(snapshot.Data)).Draw(t, "length")]
	case "data":
		snapshot.Data = other.Data
	case "version":
		snapshot.Version = other.Version
	case "event":
		snapshot.EventID, snapshot.Position = other.EventID, other.Position
	}
	_, err := store.DeleteSnapshots(context.Background(), eventstore.SnapshotSelection{
		Category: "account", Key: snapshot.Stream.Key, Kind: snapshot.Kind,
	})
	require.NoError(t, err)
	require.NoError(t, store.snapshotStore.SaveSnapshot(context.Background(), snapshot))
}

// compareOnce compares the outcome of a command with an ID, and executes it in the model unless it is a repeat.
func (m *model) compareOnce(
	t *rapid.T, id execution, commands []aggregate.Command[account, movement], result aggregate.Result[account], err error,
) {
	if version, repeated := m.outcomes[id]; repeated {
		assert.NoError(t, err)
		assert.True(t, result.Repeated)
		assert.Equal(t, version, result.Version)
		assert.Equal(t, m.at(id.key, version), result.State)
		return
	}
	m.compare(t, id.key, result, err, m.execute(id.key, commands))
	assert.False(t, result.Repeated)
	if result.Recorded > 0 {
		m.outcomes[id] = result.Version
	}
}
