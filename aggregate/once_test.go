package aggregate_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

var (
	commandA = uuid.MustParse("0a5a1f0e-6c4b-4f0a-9d3e-2f6f3f1c9f01")
	commandB = uuid.MustParse("7d0c1a52-3a0f-4c56-8a7e-5d6b1f0e2c02")
)

func TestARepeatGetsTheFirstOutcome(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	accounts := accountsIn(store)
	_, err := accounts.Execute(t.Context(), "1", deposit{10, ""})
	require.NoError(t, err)

	first, err := accounts.ExecuteOnce(t.Context(), commandA, "1", deposit{5, ""}, withdrawAll{})
	require.NoError(t, err)
	assert.Equal(t, aggregate.Result[account]{
		State:   account{History: []int{10, 5, -15}, ByPurpose: map[string]int{"": 15}},
		Version: 3, Position: 3, Recorded: 2,
	}, first)

	_, err = accounts.Execute(t.Context(), "1", withdrawAll{})
	require.ErrorIs(t, err, errOverdrawn, "without its ID the command is refused by what it brought about")
	_, err = accounts.Execute(t.Context(), "1", deposit{7, ""}, deposit{8, ""})
	require.NoError(t, err)

	appends := store.appends.Load()
	store.reads.Store(0)
	first.Repeated = true
	for range 2 {
		repeat, err := accounts.ExecuteOnce(t.Context(), commandA, "1", deposit{5, ""}, withdrawAll{})
		require.NoError(t, err)
		assert.Equal(t, first, repeat)
	}
	assert.Equal(t, appends, store.appends.Load())
	assert.EqualValues(t, 2*4, store.reads.Load(), "reading ends after the command's last event")
}

func TestEventIDsNeverChange(t *testing.T) {
	store := memstore.New(nil)
	_, err := accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", deposit{1, ""}, deposit{2, ""})
	require.NoError(t, err)
	events := recordedIn(t, store)
	require.Len(t, events, 2)
	assert.Equal(t, "87eb11fb-d0fc-5ba2-9341-34c2b72cf760", events[0].ID.String())
	assert.Equal(t, uuid.NewSHA1(commandA, []byte("account-1/0")), events[0].ID)
	assert.Equal(t, uuid.NewSHA1(commandA, []byte("account-1/1")), events[1].ID)
}

func TestACommandIDServesForEachStream(t *testing.T) {
	accounts := accountsIn(memstore.New(nil))
	for _, key := range []string{"1", "2"} {
		result, err := accounts.ExecuteOnce(t.Context(), commandA, key, deposit{1, ""})
		require.NoError(t, err)
		assert.EqualValues(t, 1, result.Version)
		assert.False(t, result.Repeated)
	}
}

func TestCommandsWithOtherIDsAreOthers(t *testing.T) {
	accounts := accountsIn(memstore.New(nil))
	for i, id := range []uuid.UUID{commandA, commandB} {
		result, err := accounts.ExecuteOnce(t.Context(), id, "1", deposit{1, ""})
		require.NoError(t, err)
		assert.Equal(t, i+1, result.State.Balance)
		assert.False(t, result.Repeated)
	}
}

func TestTheZeroCommandIDIsRefused(t *testing.T) {
	_, err := accountsIn(untouched{}).ExecuteOnce(t.Context(), uuid.Nil, "1", deposit{1, ""})
	assert.ErrorIs(t, err, eventstore.ErrInvalid)
	assert.EqualError(t, err, `execute on stream "account-1": invalid argument: the command ID is zero`)
}

func TestWhatRecordsNothingIsDecidedAgain(t *testing.T) {
	store := memstore.New(nil)
	accounts := accountsIn(store)

	_, err := accounts.ExecuteOnce(t.Context(), commandA, "1", withdraw{3})
	require.ErrorIs(t, err, errOverdrawn)
	nothing, err := accounts.ExecuteOnce(t.Context(), commandB, "1", deposit{0, ""})
	require.NoError(t, err)
	assert.Zero(t, nothing)

	appendTo(t, store, "1", deposited{Amount: 3})
	result, err := accounts.ExecuteOnce(t.Context(), commandA, "1", withdraw{3})
	require.NoError(t, err)
	assert.False(t, result.Repeated)
	assert.EqualValues(t, 2, result.Version)
}

func TestTheCommandIsTheCauseOfItsEvents(t *testing.T) {
	store := memstore.New(nil)
	accounts := accountsIn(store)
	ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{CorrelationID: "request-7"})
	_, err := accounts.ExecuteOnce(ctx, commandA, "1", deposit{1, ""})
	require.NoError(t, err)
	ctx = eventstore.WithMetadata(ctx, eventstore.Metadata{CausationID: "message-9"})
	_, err = accounts.ExecuteOnce(ctx, commandB, "1", deposit{1, ""})
	require.NoError(t, err)

	events := recordedIn(t, store)
	assert.Equal(t, eventstore.Metadata{CorrelationID: "request-7", CausationID: commandA.String()}, events[0].Metadata)
	assert.Equal(t, eventstore.Metadata{CorrelationID: "request-7", CausationID: "message-9"}, events[1].Metadata)
}

func TestTheSameCommandConcurrently(t *testing.T) {
	const callers = 20
	store := memstore.New(nil)
	accounts := accountsIn(store)
	start := make(chan struct{})
	results := make([]aggregate.Result[account], callers)
	errs := make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			<-start
			results[i], errs[i] = accounts.ExecuteOnce(t.Context(), commandA, "1", deposit{5, ""}, withdrawAll{})
		})
		all.Go(func() {
			<-start
			_, err := accounts.Execute(t.Context(), "1", deposit{1, ""})
			assert.NoError(t, err)
		})
	}
	close(start)
	all.Wait()

	events := recordedIn(t, store)
	assert.Len(t, events, callers+2)
	for i, result := range results {
		require.NoError(t, errs[i])
		result.Repeated = results[0].Repeated
		assert.Equal(t, results[0], result)
	}
	assert.Equal(t, foldByHand(events[:results[0].Version]), results[0].State)
}

// executedMeanwhile is a store in which something happens just before the first append.
func executedMeanwhile(what func(store eventstore.Store)) *watched {
	store := &watched{Store: memstore.New(nil)}
	store.onAppend = func(n int64, _ eventstore.Write, next func() (eventstore.AppendResult, error)) (
		eventstore.AppendResult, error,
	) {
		if n == 1 {
			what(store.Store)
		}
		return next()
	}
	return store
}

// The twin records the very events that this call has decided, but on another state. The store takes this call's append
// for a repeat, so its own state is not the one that came about.
func TestATwinDecidedTheSameOnALaterState(t *testing.T) {
	var first aggregate.Result[account]
	store := executedMeanwhile(func(store eventstore.Store) {
		var err error
		appendTo(t, store, "1", deposited{Amount: 100})
		first, err = accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", deposit{1, ""})
		require.NoError(t, err)
	})
	result, err := accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", deposit{1, ""})
	require.NoError(t, err)
	assert.Equal(t, 101, result.State.Balance)
	first.Repeated = true
	assert.Equal(t, first, result)
}

// The twin decides other events on its later state: with other data, more of them, or fewer.
func TestATwinDecidedOtherEvents(t *testing.T) {
	for name, decide := range map[string]func(balance int) []int{
		"other data":  func(balance int) []int { return []int{balance + 1} },
		"more events": func(balance int) []int { return []int{1, 2, 3}[:1+min(balance, 2)] },
		"less events": func(balance int) []int { return []int{1, 2, 3}[:3-min(balance, 2)] },
	} {
		t.Run(name, func(t *testing.T) {
			command := decideFunc(func(a account) ([]movement, error) {
				var events []movement
				for _, amount := range decide(a.Balance) {
					events = append(events, deposited{Amount: amount})
				}
				return events, nil
			})
			var first aggregate.Result[account]
			store := executedMeanwhile(func(store eventstore.Store) {
				var err error
				appendTo(t, store, "1", deposited{Amount: 1000})
				first, err = accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", command)
				require.NoError(t, err)
				appendTo(t, store, "1", deposited{Amount: 1000})
			})
			result, err := accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", command)
			require.NoError(t, err)
			first.Repeated = true
			assert.Equal(t, first, result)
		})
	}
}

func TestOnceIsTriedAgainAfterAConflict(t *testing.T) {
	store := executedMeanwhile(func(store eventstore.Store) { appendTo(t, store, "1", deposited{Amount: 100}) })
	result, err := accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", deposit{1, ""})
	require.NoError(t, err)
	assert.Equal(t, 101, result.State.Balance)
	assert.False(t, result.Repeated)
	assert.EqualValues(t, 2, store.appends.Load())
}
