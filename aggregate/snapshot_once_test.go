package aggregate_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
)

// withoutFinder is a store that keeps snapshots but finds no events by their ID.
type withoutFinder struct {
	eventstore.Store
	eventstore.Snapshots
}

// With the snapshot in the way the command's events are not among those that are read.
func TestARepeatGetsTheFirstOutcomeFromBehindASnapshot(t *testing.T) {
	type commands = []aggregate.Command[account, movement]
	for name, c := range map[string]struct {
		first commands
		again commands // what a fresh decision would do with the same commands is made to differ by what comes between
		finds int
	}{
		"would be refused":             {first: commands{deposit{5, "a"}, withdrawAll{}}, finds: 1},
		"would be decided as before":   {first: commands{deposit{5, "a"}}},
		"would be decided otherwise":   {first: commands{withdrawAll{}}, again: commands{deposit{5, "a"}}},
		"would be more events":         {first: commands{deposit{5, "a"}}, again: commands{deposit{5, "a"}, deposit{5, "a"}}},
		"would be less events":         {first: commands{deposit{5, "a"}, deposit{6, "a"}}, again: commands{deposit{5, "a"}}},
		"would be nothing":             {first: commands{deposit{5, "a"}}, again: commands{deposit{0, "a"}}, finds: 1},
		"would be an event unreadable": {first: commands{deposit{5, "a"}}, again: commands{unreadableEvent}, finds: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := inMemory()
				accounts := every(store, 10)
				deposits(t, accounts, 3)
				first, err := accounts.ExecuteOnce(t.Context(), commandA, "1", c.first...)
				require.NoError(t, err)
				_, err = accounts.Execute(t.Context(), "1", deposit{1, ""})
				require.NoError(t, err)
				_, err = accounts.Execute(t.Context(), "1", withdrawAll{})
				require.NoError(t, err)
				if c.finds == 0 {
					deposits(t, accounts, 1)
				}
				for range 10 {
					_, err = accounts.Execute(t.Context(), "1", decideFunc(audit))
					require.NoError(t, err)
					synctest.Wait()
				}
				require.NotEmpty(t, store.saved)
				before := recordedIn(t, store.snapshotStore)

				again := c.again
				if again == nil {
					again = c.first
				}
				if name == "would be refused" {
					again = commands{withdrawAll{}}
				}
				first.Repeated = true
				for range 2 {
					store.forgetCalls()
					repeat, err := every(store, 10).ExecuteOnce(t.Context(), commandA, "1", again...)
					require.NoError(t, err)
					assert.Equal(t, first, repeat)
					assert.Equal(t, c.finds, store.finds)
				}
				assert.Equal(t, before, recordedIn(t, store.snapshotStore))

				other := aggregate.New[account](withoutFinder{store, store}, movements,
					&aggregate.Options{Snapshots: &aggregate.SnapshotOptions{Every: 10}})
				store.forgetCalls()
				repeat, err := other.ExecuteOnce(t.Context(), commandA, "1", again...)
				require.NoError(t, err)
				assert.Equal(t, first, repeat)
				assert.Equal(t, []eventstore.Version{0}, store.reads, "without a finder all events are read")
			})
		})
	}
}

// unreadableEvent decides what the codec does not know.
var unreadableEvent = decideFunc(func(account) ([]movement, error) { return []movement{foreign{}}, nil })

// The program died between the append and the answer. Another one took a snapshot, and then the command came again.
func TestACommandThatComesAgainAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		_, err := accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", deposit{5, "a"}, withdrawAll{})
		require.NoError(t, err)

		other := every(store, 2)
		deposits(t, other, 1)
		require.Equal(t, eventstore.Version(3), store.newest(t).Version)
		for _, c := range []aggregate.Command[account, movement]{deposit{5, "a"}, withdraw{100}, decideFunc(audit)} {
			result, err := every(store, 2).ExecuteOnce(t.Context(), commandA, "1", c)
			require.NoError(t, err)
			assert.True(t, result.Repeated)
			assert.Equal(t, 2, result.Recorded)
			assert.EqualValues(t, 2, result.Version)
			assert.EqualValues(t, 2, result.Position)
			assert.Equal(t, []int{5, -5}, result.State.History)
		}
		assert.Len(t, recordedIn(t, store.snapshotStore), 3)
	})
}

// The events end at the last event of the snapshot, or lie across it, or begin right after it.
func TestARepeatAtTheEdgeOfASnapshot(t *testing.T) {
	for before := range 8 {
		synctest.Test(t, func(t *testing.T) {
			store := inMemory()
			plain := accountsIn(store)
			for range before {
				appendTo(t, store, "1", deposited{1, "a"})
			}
			first, err := plain.ExecuteOnce(t.Context(), commandA, "1", deposit{5, "a"}, deposit{6, "a"}, withdrawAll{})
			require.NoError(t, err)
			appendTo(t, store, "1", deposited{1, "a"}, deposited{2, "a"})
			saveSnapshotAt(t, store, 5)

			repeat, err := every(store, 1000).ExecuteOnce(t.Context(), commandA, "1", withdraw{1000})
			require.NoError(t, err)
			first.Repeated = true
			assert.Equal(t, first, repeat, "%d events before", before)
		})
	}
}

// early is a store as it was at a version. What is appended is not kept.
type early struct {
	*keeping
	version eventstore.Version
}

func (e early) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		for event, err := range e.keeping.ReadStream(ctx, id, opts) {
			if event.Version > e.version || !yield(event, err) {
				return
			}
		}
	}
}

func (e early) Append(context.Context, ...eventstore.Write) (eventstore.AppendResult, error) {
	return eventstore.AppendResult{}, nil
}

// saveSnapshotAt saves the snapshot that a repository takes when account 1 is at a version.
func saveSnapshotAt(t *testing.T, store *keeping, version int) {
	t.Helper()
	accounts := every(early{store, eventstore.Version(version)}, version)
	_, err := accounts.Execute(t.Context(), "1", deposit{1, ""})
	require.NoError(t, err)
	synctest.Wait()
	require.Equal(t, []eventstore.Version{eventstore.Version(version)}, store.versions())
}

func TestARefusalFromBehindASnapshotStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		accounts := every(store, 10)
		deposits(t, accounts, 12)
		_, err := accounts.ExecuteOnce(t.Context(), commandA, "1", withdraw{13})
		require.ErrorIs(t, err, errOverdrawn)
		assert.Equal(t, 1, store.finds)
		nothing, err := accounts.ExecuteOnce(t.Context(), commandA, "1", deposit{0, ""})
		require.NoError(t, err)
		assert.Zero(t, nothing.Recorded)
		assert.EqualValues(t, 12, nothing.Version)

		result, err := accounts.ExecuteOnce(t.Context(), commandA, "1", withdraw{12})
		require.NoError(t, err)
		assert.False(t, result.Repeated)
		assert.Equal(t, 2, store.finds, "what is appended needs no search")
	})
}

// The same command is executed by another call after this one was refused and before it looks for the command's events.
func TestATwinExecutesBeforeTheSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		accounts := every(store, 10)
		deposits(t, accounts, 12)
		var first aggregate.Result[account]
		store.onFind = func() {
			store.onFind = nil
			var err error
			appendTo(t, store, "1", deposited{Amount: 100})
			first, err = accountsIn(store.snapshotStore).ExecuteOnce(t.Context(), commandA, "1", withdraw{50})
			require.NoError(t, err)
		}
		result, err := accounts.ExecuteOnce(t.Context(), commandA, "1", withdraw{50})
		require.NoError(t, err)
		first.Repeated = true
		assert.Equal(t, first, result)
	})
}
