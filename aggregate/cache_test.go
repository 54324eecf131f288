package aggregate_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
)

const cacheBytes = 1 << 20

func cachedIn(store eventstore.Store) *accounts {
	return aggregate.New[account](store, movements, &aggregate.Options{CacheBytes: cacheBytes})
}

func TestACachedStreamIsNotRead(t *testing.T) {
	store := inMemory()
	accounts := cachedIn(store)
	for i := range 10 {
		result, err := accounts.Execute(t.Context(), "1", deposit{i, "a"}, deposit{1, "b"})
		require.NoError(t, err)
		ruin(result.State)
	}
	result, err := accounts.Execute(t.Context(), "1", deposit{1, "c"})
	require.NoError(t, err)
	assert.Equal(t, foldByHand(recordedIn(t, store.snapshotStore)), result.State)
	assert.EqualValues(t, 20, result.Version)
	assert.Equal(t, []eventstore.Version{0}, store.reads, "only once")
	assert.Equal(t, 11, store.appends)
}

func TestLoadsReadWhatFollowsTheCachedEvents(t *testing.T) {
	store := inMemory()
	accounts := cachedIn(store)
	appendTo(t, store.snapshotStore, "1", deposited{1, "a"}, deposited{2, "a"})
	for i := range 3 {
		appendTo(t, store.snapshotStore, "1", deposited{10, "a"})
		store.forgetCalls()
		result, err := accounts.Load(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, 3+10*(i+1), result.State.Balance)
		if i > 0 {
			assert.Equal(t, []eventstore.Version{eventstore.Version(2 + i)}, store.reads)
			assert.Equal(t, 2, store.events)
		}
	}
}

// Somebody else has appended since. The append tells, and costs no attempt.
func TestACacheThatIsBehind(t *testing.T) {
	store := inMemory()
	accounts := aggregate.New[account](store, movements, &aggregate.Options{CacheBytes: cacheBytes, Attempts: 1})
	_, err := accounts.Execute(t.Context(), "1", deposit{1, "a"})
	require.NoError(t, err)
	appendTo(t, store.snapshotStore, "1", deposited{10, "b"})
	store.forgetCalls()
	result, err := accounts.Execute(t.Context(), "1", withdrawAll{})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 10, -11}, result.State.History)
	assert.Equal(t, 2, store.appends)
	assert.Equal(t, []eventstore.Version{1}, store.reads, "only what follows is read")
}

// What no append checks is decided again on what the store has.
func TestWhatACacheThatIsBehindWouldAnswer(t *testing.T) {
	setUp := func(t *testing.T) (*keeping, *accounts) {
		t.Helper()
		store := inMemory()
		accounts := cachedIn(store)
		_, err := accounts.Execute(t.Context(), "1", deposit{1, "a"})
		require.NoError(t, err)
		appendTo(t, store.snapshotStore, "1", deposited{10, "b"})
		return store, accounts
	}
	t.Run("a refusal", func(t *testing.T) {
		_, accounts := setUp(t)
		result, err := accounts.Execute(t.Context(), "1", withdraw{11})
		require.NoError(t, err)
		assert.Zero(t, result.State.Balance)
		_, err = accounts.Execute(t.Context(), "1", withdraw{1})
		require.ErrorIs(t, err, errOverdrawn, "it stands")
	})
	t.Run("nothing", func(t *testing.T) {
		_, accounts := setUp(t)
		nothing := decideFunc(func(account) ([]movement, error) { return nil, nil })
		result, err := accounts.Execute(t.Context(), "1", nothing)
		require.NoError(t, err)
		assert.Equal(t, 11, result.State.Balance)
		assert.EqualValues(t, 2, result.Version)
	})
	t.Run("a command that another call has executed", func(t *testing.T) {
		store, accounts := setUp(t)
		first, err := accountsIn(store.snapshotStore).ExecuteOnce(t.Context(), commandA, "1", withdrawAll{})
		require.NoError(t, err)
		appendTo(t, store.snapshotStore, "1", deposited{3, "c"})
		first.Repeated = true
		for _, again := range []aggregate.Command[account, movement]{withdrawAll{}, withdraw{100}, deposit{0, ""}} {
			result, err := accounts.ExecuteOnce(t.Context(), commandA, "1", again)
			require.NoError(t, err)
			assert.Equal(t, first, result)
		}
	})
}

// The first execution was decided on what is cached. To the store the repeat's append would be that of the first.
func TestARepeatOnTheCachedStateIsTold(t *testing.T) {
	store := inMemory()
	accounts := cachedIn(store)
	_, err := accounts.Execute(t.Context(), "1", deposit{1, "a"})
	require.NoError(t, err)
	first, err := accountsIn(store.snapshotStore).ExecuteOnce(t.Context(), commandA, "1", withdrawAll{})
	require.NoError(t, err)
	repeat, err := accounts.ExecuteOnce(t.Context(), commandA, "1", withdrawAll{})
	require.NoError(t, err)
	first.Repeated = true
	assert.Equal(t, first, repeat)
}

func TestARepeatIsAnsweredFromTheCache(t *testing.T) {
	store := inMemory()
	accounts := cachedIn(store)
	_, err := accounts.Execute(t.Context(), "1", deposit{1, "a"})
	require.NoError(t, err)
	first, err := accounts.ExecuteOnce(t.Context(), commandA, "1", deposit{5, "a"}, withdrawAll{})
	require.NoError(t, err)
	_, err = accounts.Execute(t.Context(), "1", deposit{1, "a"})
	require.NoError(t, err)
	store.forgetCalls()
	first.Repeated = true
	repeat, err := accounts.ExecuteOnce(t.Context(), commandA, "1", withdrawAll{})
	require.NoError(t, err)
	assert.Equal(t, first, repeat)
	assert.Zero(t, store.appends)
	assert.Empty(t, store.reads)
}

// A store that lost events is noticed where it is read.
func TestACacheOfLostEvents(t *testing.T) {
	for name, events := range map[string]int{"shorter": 2, "as long, elsewhere": 3, "longer": 5} {
		t.Run(name, func(t *testing.T) {
			store := inMemory()
			accounts := cachedIn(store)
			appendTo(t, store.snapshotStore, "1", deposited{1, "a"}, deposited{1, "a"}, deposited{1, "a"})
			_, err := accounts.Load(t.Context(), "1")
			require.NoError(t, err)
			// Of its own event it knows the position but not the ID, and the other way round.
			_, err = accounts.Execute(t.Context(), "2", deposit{1, "a"})
			require.NoError(t, err)
			_, err = accounts.ExecuteOnce(t.Context(), commandA, "3", deposit{1, "a"})
			require.NoError(t, err)
			store.snapshotStore = inMemory().snapshotStore
			for range events {
				for _, key := range []string{"1", "2", "3"} {
					appendTo(t, store.snapshotStore, key, deposited{7, "b"})
				}
			}
			for range 2 {
				for _, key := range []string{"1", "2"} {
					loaded, err := accounts.Load(t.Context(), key)
					require.NoError(t, err)
					assert.Equal(t, 7*events, loaded.State.Balance)
				}
			}
			result, err := accounts.ExecuteOnce(t.Context(), commandA, "3", deposit{1, "a"})
			require.NoError(t, err)
			assert.False(t, result.Repeated)
			assert.Equal(t, 7*events+1, result.State.Balance)
		})
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	store := inMemory()
	accounts := aggregate.New[account](store, movements, &aggregate.Options{CacheBytes: 20_000})
	execute := func(key string, purpose string) {
		_, err := accounts.Execute(t.Context(), key, deposit{1, purpose})
		require.NoError(t, err)
	}
	for i := range 100 {
		execute(fmt.Sprint(i), "a")
	}
	store.forgetCalls()
	execute("99", "a")
	assert.Empty(t, store.reads, "the one used last is there")
	execute("0", "a")
	assert.Len(t, store.reads, 1, "the one used first is not")

	store.forgetCalls()
	execute("large", strings.Repeat("a", 10_000))
	execute("large", "a")
	execute("99", "a")
	assert.Len(t, store.reads, 2, "a large stream is not kept, and drives nothing out")
}

func TestAnAppendThatFailsLeavesTheCacheRight(t *testing.T) {
	for _, made := range []bool{true, false} {
		store := doubtful(1, made)
		accounts := cachedIn(store)
		appendTo(t, store.Store, "1", deposited{10, "a"})
		_, err := accounts.Load(t.Context(), "1")
		require.NoError(t, err)
		_, err = accounts.Execute(t.Context(), "1", withdraw{10})
		require.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
		_, err = accounts.Execute(t.Context(), "1", withdraw{10})
		assert.Equal(t, made, errors.Is(err, errOverdrawn))
	}
}

// Folds of the same cached events run while more are added to them.
func TestACacheIsShared(t *testing.T) {
	const callers, rounds = 8, 30
	store := inMemory()
	copies := []*accounts{cachedIn(store), cachedIn(store), every(store, 7), aggregate.New[account](store, movements,
		&aggregate.Options{CacheBytes: cacheBytes, Snapshots: &aggregate.SnapshotOptions{Every: 5}})}
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			accounts := copies[caller%len(copies)]
			for range rounds {
				executed, err := accounts.Execute(t.Context(), "1", deposit{1, "a"})
				assert.NoError(t, err)
				assert.EqualValues(t, executed.Version, executed.State.Balance)
				assert.Len(t, executed.State.History, executed.State.Balance)
				ruin(executed.State)
				loaded, err := accounts.Load(t.Context(), "1")
				assert.NoError(t, err)
				assert.EqualValues(t, loaded.Version, loaded.State.ByPurpose["a"])
				assert.GreaterOrEqual(t, loaded.Version, executed.Version)
				ruin(loaded.State)
			}
		})
	}
	all.Wait()
	for _, accounts := range copies {
		settle(t, accounts)
		loaded, err := accounts.Load(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, callers*rounds, loaded.State.Balance)
	}
}

// This process only loads. Others append and take snapshots, which it begins to use once there is much to fold.
func TestLoadsFindTheSnapshotsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		accounts := aggregate.New[account](store, movements, &aggregate.Options{
			CacheBytes: cacheBytes, Snapshots: &aggregate.SnapshotOptions{Every: 10},
		})
		other := every(store, 10)
		load := func() (loads int) {
			store.forgetCalls()
			loaded, err := accounts.Load(t.Context(), "1")
			require.NoError(t, err)
			assert.EqualValues(t, loaded.Version, loaded.State.Balance)
			return store.loads
		}
		deposits(t, other, 1)
		assert.Equal(t, 1, load(), "the first time it asks for a snapshot")
		deposits(t, other, 8)
		assert.Zero(t, load())
		deposits(t, other, 3)
		assert.Zero(t, load(), "this one has much to fold")
		assert.Equal(t, 1, load())
		assert.Equal(t, []eventstore.Version{10}, store.reads)
		assert.Zero(t, load(), "the snapshot is cached")
		assert.Equal(t, []eventstore.Version{12}, store.reads)
	})
}
