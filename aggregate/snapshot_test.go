package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// deposits executes n deposits of 1, and waits for the snapshot after each.
func deposits(t *testing.T, accounts *accounts, n int) {
	t.Helper()
	for range n {
		_, err := accounts.Execute(t.Context(), "1", deposit{1, "a"})
		require.NoError(t, err)
		synctest.Wait()
	}
}

func TestASnapshotIsTakenAfterSoManyEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		deposits(t, every(store, 10), 35)
		assert.Equal(t, []eventstore.Version{10, 20, 30}, store.versions())
		events := recordedIn(t, store)
		assert.Equal(t, events[29].ID, store.newest(t).EventID)
		assert.Equal(t, events[29].Position, store.newest(t).Position)
	})
}

func TestASnapshotIsTakenAfterSoManyBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		size := len(`{"amount":1,"purpose":"a"}`)
		deposits(t, keep(store, aggregate.SnapshotOptions{EveryBytes: 4 * size}), 9)
		assert.Equal(t, []eventstore.Version{4, 8}, store.versions())

		store = inMemory()
		deposits(t, keep(store, aggregate.SnapshotOptions{EveryBytes: 1 << 20}), 2*aggregate.DefaultSnapshotEvery)
		assert.Empty(t, store.versions(), "the number of events has no limit of its own")

		store = inMemory()
		deposits(t, keep(store, aggregate.SnapshotOptions{Every: 10, EveryBytes: 4 * size}), 9)
		assert.Equal(t, []eventstore.Version{4, 8}, store.versions(), "the limit that is met first counts")
	})
}

func TestSnapshotsHaveADefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		deposits(t, keep(store, aggregate.SnapshotOptions{}), aggregate.DefaultSnapshotEvery)
		assert.Equal(t, []eventstore.Version{aggregate.DefaultSnapshotEvery}, store.versions())
	})
}

func TestALoadStartsFromTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		accounts := every(store, 10)
		deposits(t, accounts, 25)
		store.forgetCalls()

		loaded, err := accounts.Load(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, foldByHand(recordedIn(t, store.snapshotStore)), loaded.State)
		assert.EqualValues(t, 25, loaded.Version)
		assert.EqualValues(t, 25, loaded.Position)
		assert.Equal(t, []eventstore.Version{20}, store.reads)
		assert.Equal(t, 6, store.events, "the last event of the snapshot is read again")
		assert.Empty(t, store.saved, "reading writes nothing")
	})
}

// A load finds that a snapshot is due and leaves it to the next command.
func TestLoadsTakeNoSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		for range 50 {
			appendTo(t, store, "1", deposited{1, "a"})
		}
		accounts := every(store, 10)
		_, err := accounts.Load(t.Context(), "1")
		require.NoError(t, err)
		_, err = accounts.Execute(t.Context(), "1", withdraw{1000})
		require.ErrorIs(t, err, errOverdrawn)
		synctest.Wait()
		assert.Empty(t, store.saved)
		deposits(t, accounts, 1)
		assert.Equal(t, []eventstore.Version{51}, store.versions())
	})
}

// This repository does not know that another one was faster.
func TestASnapshotThatAnotherHasTakenIsNotTakenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		accounts := aggregate.New[account](store, movements, &aggregate.Options{
			CacheBytes: cacheBytes, Snapshots: &aggregate.SnapshotOptions{Every: 10},
		})
		deposits(t, accounts, 9)
		deposits(t, every(store, 10), 1)
		deposits(t, accounts, 1)
		assert.Equal(t, []eventstore.Version{10}, store.versions())
	})
}

// The slice has room to spare in one copy of the state and the map is written to, so two that shared either would race.
func TestSnapshotsShareNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		accounts := every(store, 3)
		deposits(t, accounts, 7)
		for range 5 {
			loaded, err := accounts.Load(t.Context(), "1")
			require.NoError(t, err)
			assert.Equal(t, 7, loaded.State.ByPurpose["a"])
			ruin(loaded.State)
		}
	})
}

func TestSnapshotsOfOneProgramAreReadByItsCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		deposits(t, every(store, 10), 10)
		store.forgetCalls()
		_, err := every(store, 50).Load(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, []eventstore.Version{10}, store.reads)
	})
}

// richer is an account of a later version of the program.
type richer struct {
	account
	Owner string
}

func (r richer) Evolve(event movement) richer {
	r.account = r.account.Evolve(event)
	return r
}

func TestSnapshotsOfOtherProgramsAreNotRead(t *testing.T) {
	described := describedCodec{movements, "schema 1"}
	options := func(version int) *aggregate.Options {
		return &aggregate.Options{Snapshots: &aggregate.SnapshotOptions{Every: 10, Version: version}}
	}
	for name, load := range map[string]func(eventstore.Store) (eventstore.Version, error){
		"another version": func(store eventstore.Store) (eventstore.Version, error) {
			result, err := aggregate.New[account](store, described, options(1)).Load(t.Context(), "1")
			return result.Version, err
		},
		"another state": func(store eventstore.Store) (eventstore.Version, error) {
			result, err := aggregate.New[richer](store, described, options(0)).Load(t.Context(), "1")
			return result.Version, err
		},
		"another schema of the events": func(store eventstore.Store) (eventstore.Version, error) {
			other := describedCodec{movements, "schema 2"}
			result, err := aggregate.New[account](store, other, options(0)).Load(t.Context(), "1")
			return result.Version, err
		},
		"another format": func(store eventstore.Store) (eventstore.Version, error) {
			other := options(0)
			other.Snapshots.Format = indented
			result, err := aggregate.New[account](store, described, other).Load(t.Context(), "1")
			return result.Version, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := inMemory()
				deposits(t, aggregate.New[account](store, described, options(0)), 12)
				store.forgetCalls()
				version, err := load(store)
				require.NoError(t, err)
				assert.EqualValues(t, 12, version)
				assert.Equal(t, []eventstore.Version{0}, store.reads)
			})
		})
	}
}

func TestLookingBackStartsFromASnapshotBeforeThePoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		accounts, plain := every(store, 10), accountsIn(store.snapshotStore)
		appendTo(t, store, "other", deposited{1, ""})
		deposits(t, accounts, 14)
		require.Equal(t, []eventstore.Version{10}, store.versions())
		for version := range eventstore.Version(15) {
			for point, start := range map[aggregate.Point]eventstore.Version{
				aggregate.AtVersion(version):                            10,
				aggregate.AtPosition(eventstore.Position(version) + 1):  10,
				aggregate.AtTime(recordedAt(t, store, max(version, 1))): 0,
			} {
				store.forgetCalls()
				got, err := accounts.LoadAt(t.Context(), "1", point)
				require.NoError(t, err)
				want, err := plain.LoadAt(t.Context(), "1", point)
				require.NoError(t, err)
				assert.Equal(t, want, got, point)
				if version < 10 {
					start = 0
				}
				assert.Equal(t, []eventstore.Version{start}, store.reads, point)
			}
		}
		_, err := accounts.LoadAt(t.Context(), "1", aggregate.AtVersion(15))
		assert.ErrorIs(t, err, aggregate.ErrBeyondStream)
		assert.ErrorContains(t, err, "which is at version 14")
	})
}

func recordedAt(t *testing.T, store *keeping, version eventstore.Version) time.Time {
	t.Helper()
	return recordedIn(t, store.snapshotStore)[version-1].RecordedAt
}

func TestASnapshotThatCannotBeUsedIsReplaced(t *testing.T) {
	for name, harm := range map[string]func(*eventstore.Snapshot){
		"a bit":          func(s *eventstore.Snapshot) { s.Data[20] ^= 1 },
		"cut off":        func(s *eventstore.Snapshot) { s.Data = s.Data[:len(s.Data)-1] },
		"empty":          func(s *eventstore.Snapshot) { s.Data = nil },
		"other version":  func(s *eventstore.Snapshot) { s.Version++ },
		"later version":  func(s *eventstore.Snapshot) { s.Version += 1000 },
		"other position": func(s *eventstore.Snapshot) { s.Position++ },
		"other event":    func(s *eventstore.Snapshot) { s.EventID = uuid.Max },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, logs := inMemory(), &logs{}
				accounts := keep(store, aggregate.SnapshotOptions{Every: 10, Logger: logs.logger()})
				deposits(t, accounts, 12)
				replace(t, store, harm)
				for range 3 {
					loaded, err := accounts.Load(t.Context(), "1")
					require.NoError(t, err)
					assert.Equal(t, foldByHand(recordedIn(t, store.snapshotStore)), loaded.State)
				}
				require.Len(t, logs.lines(t), 1, "a complaint is not repeated")
				assert.Contains(t, logs.lines(t)[0], "a snapshot cannot be used, so all events are read | account-1 | cannot be used: ")

				deposits(t, accounts, 1)
				assert.Equal(t, eventstore.Version(13), store.newest(t).Version)
				store.forgetCalls()
				_, err := accounts.Load(t.Context(), "1")
				require.NoError(t, err)
				assert.Equal(t, []eventstore.Version{13}, store.reads)
			})
		})
	}
}

func TestLookingBackSaysThatASnapshotCannotBeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, logs := inMemory(), &logs{}
		accounts := keep(store, aggregate.SnapshotOptions{Every: 10, Logger: logs.logger()})
		deposits(t, accounts, 12)
		replace(t, store, func(s *eventstore.Snapshot) { s.Data[20] ^= 1 })
		back, err := accounts.LoadAt(t.Context(), "1", aggregate.AtVersion(11))
		require.NoError(t, err)
		assert.Equal(t, 11, back.State.Balance)
		require.Len(t, logs.lines(t), 1)
		assert.Contains(t, logs.lines(t)[0], "a snapshot cannot be used, so all events are read | account-1 | cannot be used: ")
	})
}

// replace puts another snapshot in the place of the newest.
func replace(t *testing.T, store *keeping, change func(*eventstore.Snapshot)) {
	t.Helper()
	snapshot := store.newest(t)
	snapshot.Data = append([]byte(nil), snapshot.Data...)
	change(&snapshot)
	_, err := store.snapshotStore.DeleteSnapshots(t.Context(), eventstore.SnapshotSelection{})
	require.NoError(t, err)
	require.NoError(t, store.snapshotStore.SaveSnapshot(t.Context(), snapshot))
}

// The store was restored from a backup and others have appended since. The snapshot is of events that are gone.
func TestASnapshotOfLostEventsIsNotUsed(t *testing.T) {
	for name, events := range map[string]int{"a shorter stream": 3, "as long a stream": 10, "a longer stream": 14} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before, store := inMemory(), inMemory()
				deposits(t, every(before, 10), 10)
				for range events {
					appendTo(t, store, "1", deposited{7, "other"})
				}
				require.NoError(t, store.snapshotStore.SaveSnapshot(t.Context(), before.newest(t)))
				accounts := every(store, 10)
				loaded, err := accounts.Load(t.Context(), "1")
				require.NoError(t, err)
				assert.Equal(t, 7*events, loaded.State.Balance)

				deposits(t, accounts, 1)
				store.forgetCalls()
				loaded, err = accounts.Load(t.Context(), "1")
				require.NoError(t, err)
				assert.Equal(t, 7*events+1, loaded.State.Balance)
				assert.Len(t, store.reads, 1, "the snapshot is gone or was replaced")
			})
		})
	}
}

func TestSnapshotsCanBeDeletedAtAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		accounts := every(store, 3)
		for range 20 {
			deposits(t, accounts, 1)
			_, err := store.DeleteSnapshots(t.Context(), eventstore.SnapshotSelection{Category: "account"})
			require.NoError(t, err)
		}
		loaded, err := accounts.Load(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, 20, loaded.State.Balance)
	})
}

// Whatever goes wrong with snapshots, commands are executed and states are loaded.
func TestAStoreThatKeepsNoSnapshotsAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, logs := inMemory(), &logs{}
		broken := errors.New("permission denied")
		store.onSave = func(eventstore.Snapshot, func() error) error { return broken }
		accounts := keep(store, aggregate.SnapshotOptions{Every: 10, Logger: logs.logger()})
		deposits(t, accounts, 12)
		assert.Equal(t, []string{"a snapshot cannot be taken | account-1 | permission denied"}, logs.lines(t))
		assert.Equal(t, 12+1, store.loads, "the next command does not ask again")

		time.Sleep(2 * time.Minute)
		deposits(t, accounts, 1)
		assert.Len(t, logs.lines(t), 2)

		store.onLoad = func(func() (eventstore.Snapshot, bool, error)) (eventstore.Snapshot, bool, error) {
			return eventstore.Snapshot{}, false, broken
		}
		loaded, err := accounts.Load(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, 13, loaded.State.Balance)
		assert.Contains(t, logs.lines(t)[2], "a snapshot cannot be loaded, so all events are read | account-1 | permission denied")
	})
}

func TestLoadsEndWithTheirContext(t *testing.T) {
	store, logs := inMemory(), &logs{}
	accounts := keep(store, aggregate.SnapshotOptions{Every: 10, Logger: logs.logger()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := accounts.Load(ctx, "1")
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, logs.lines(t))
}

func TestCloseWaitsForTheSnapshotUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		store.onSave = func(_ eventstore.Snapshot, next func() error) error {
			time.Sleep(10 * time.Second)
			return next()
		}
		accounts := every(store, 1)
		_, err := accounts.Execute(t.Context(), "1", deposit{1, "a"})
		require.NoError(t, err)
		synctest.Wait()
		for key := range 5 {
			_, err := accounts.Execute(t.Context(), fmt.Sprint(key+2), deposit{1, "a"})
			require.NoError(t, err)
		}
		begin := time.Now()
		require.NoError(t, accounts.Close(t.Context()))
		assert.Equal(t, 10*time.Second, time.Since(begin))
		require.Len(t, store.saved, 1, "those that waited are not taken")

		_, err = accounts.Execute(t.Context(), "1", deposit{1, "a"})
		require.NoError(t, err, "the repository goes on without taking snapshots")
		synctest.Wait()
		require.NoError(t, accounts.Close(t.Context()))
		assert.Len(t, store.saved, 1)
	})
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &stuck{keeping: inMemory()}
		accounts := every(store, 1)
		_, err := accounts.Execute(t.Context(), "1", deposit{1, "a"})
		require.NoError(t, err)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, accounts.Close(ctx), context.DeadlineExceeded)
		begin := time.Now()
		require.NoError(t, accounts.Close(t.Context()))
		assert.Less(t, time.Since(begin), time.Second, "the snapshot was given up")
	})
}

// stuck is a store whose snapshots take until their context ends.
type stuck struct{ *keeping }

func (stuck) SaveSnapshot(ctx context.Context, _ eventstore.Snapshot) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestASnapshotThatTakesTooLongIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts := every(&stuck{keeping: inMemory()}, 1)
		_, err := accounts.Execute(t.Context(), "1", deposit{1, "a"})
		require.NoError(t, err)
		time.Sleep(10 * time.Minute) // else the bubble would end with a goroutine in it
	})
}

func TestCloseWithoutSnapshots(t *testing.T) {
	assert.NoError(t, accountsIn(memstore.New(nil)).Close(t.Context()))
}

func TestNewRefusesSnapshotsThatCannotBe(t *testing.T) {
	assert.PanicsWithValue(t, "aggregate.New: snapshots are asked for, but the store *aggregate_test.watched keeps none: "+
		"it is no eventstore.Snapshots",
		func() { every(&watched{Store: memstore.New(nil)}, 1) })
	assert.PanicsWithValue(t, "aggregate.New: a snapshot of the state aggregate_test.secretive would not be the state: "+
		"secretive.balance is not exported, so JSON leaves it out. Change that, give the type MarshalJSON and UnmarshalJSON, "+
		"or give SnapshotOptions a Format that keeps it",
		func() {
			aggregate.New[secretive](memstore.New(nil), movements, &aggregate.Options{Snapshots: &aggregate.SnapshotOptions{}})
		})
	assert.PanicsWithValue(t, "aggregate.New: the Format of snapshots must have Marshal and Unmarshal", func() {
		keep(memstore.New(nil), aggregate.SnapshotOptions{Format: eventstore.Format{ContentType: "text/plain"}})
	})
}

type secretive struct{ balance int }

func (s secretive) Evolve(movement) secretive { return secretive{s.balance + 1} }
