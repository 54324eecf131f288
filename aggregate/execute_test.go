package aggregate_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

func TestExecuteAppendsAllEventsAtOnce(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	appendTo(t, store.Store, "other", deposited{Amount: 1})
	accounts := accountsIn(store)

	first, err := accounts.Execute(t.Context(), "1", deposit{10, "food"}, withdraw{4}, withdrawAll{})
	require.NoError(t, err)
	assert.Equal(t, aggregate.Result[account]{
		State:   account{History: []int{10, -4, -6}, ByPurpose: map[string]int{"food": 10}},
		Version: 3, Position: 4, Recorded: 3,
	}, first)
	assert.EqualValues(t, 1, store.appends.Load())

	second, err := accounts.Execute(t.Context(), "1", deposit{5, "rent"})
	require.NoError(t, err)
	assert.Equal(t, 5, second.State.Balance)
	assert.EqualValues(t, 4, second.Version)
	assert.Equal(t, 1, second.Recorded)

	loaded, err := accounts.Load(t.Context(), "1")
	require.NoError(t, err)
	second.Recorded = 0
	assert.Equal(t, second, loaded)
}

func TestExecuteExpectsTheVersionThatItDecidedOn(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	var expected []eventstore.ExpectedVersion
	store.onAppend = func(_ int64, write eventstore.Write, next func() (eventstore.AppendResult, error)) (
		eventstore.AppendResult, error,
	) {
		expected = append(expected, write.Expected)
		return next()
	}
	for range 2 {
		_, err := accountsIn(store).Execute(t.Context(), "1", deposit{1, ""}, deposit{2, ""})
		require.NoError(t, err)
	}
	assert.Equal(t, []eventstore.ExpectedVersion{eventstore.NoStream, eventstore.Exactly(2)}, expected)
}

func TestExecuteWithoutEventsAppendsNothing(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	appendTo(t, store.Store, "1", deposited{Amount: 3}, deposited{Amount: 4})
	accounts := accountsIn(store)
	loaded, err := accounts.Load(t.Context(), "1")
	require.NoError(t, err)
	assert.EqualValues(t, 2, loaded.Version)

	without, err := accounts.Execute(t.Context(), "1")
	require.NoError(t, err)
	assert.Equal(t, loaded, without)

	nothingToDo, err := accounts.Execute(t.Context(), "1", deposit{Amount: 0})
	require.NoError(t, err)
	assert.Equal(t, loaded, nothingToDo)
	assert.Zero(t, store.appends.Load())
}

func TestExecuteRecordsNothingOfARefusedSequence(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	result, err := accountsIn(store).Execute(t.Context(), "1", deposit{10, ""}, withdraw{11})
	assert.Zero(t, result)
	require.ErrorIs(t, err, errOverdrawn)
	var refused *aggregate.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, withdraw{11}, refused.Command)
	assert.Equal(t, errOverdrawn, refused.Err)
	assert.EqualError(t, err,
		`execute on stream "account-1": aggregate_test.withdraw refused: the account has not enough`)
	assert.Zero(t, store.appends.Load())
}

func TestExecuteRefusesKeysThatCannotBe(t *testing.T) {
	accounts := accountsIn(untouched{})
	for _, key := range []string{"", "\xff", "a\x00b", strings.Repeat("k", eventstore.MaxStreamIDBytes)} {
		_, err := accounts.Execute(t.Context(), key, deposit{1, ""})
		assert.ErrorIs(t, err, eventstore.ErrInvalid)
		assert.ErrorContains(t, err, "execute on stream ")
	}
}

func TestExecuteSetsTheMetadataOfTheContext(t *testing.T) {
	store := memstore.New(nil)
	metadata := eventstore.Metadata{CorrelationID: "request-7", Actor: "clerk", Values: map[string]string{"k": "v"}}
	ctx := eventstore.WithMetadata(t.Context(), metadata)
	_, err := accountsIn(store).Execute(ctx, "1", deposit{1, ""}, deposit{2, ""})
	require.NoError(t, err)
	for _, event := range recordedIn(t, store) {
		assert.Equal(t, metadata, event.Metadata)
	}
}

func TestExecuteReturnsOtherErrorsOfTheStore(t *testing.T) {
	otherStream := &eventstore.ConflictError{Stream: accountStream("2"), Expected: eventstore.NoStream, Actual: 1}
	broken := errors.New("broken")
	for _, failure := range []error{eventstore.ErrOutcomeUnknown, eventstore.ErrIDReused, otherStream, broken} {
		store := failing(failure)
		_, err := accountsIn(store).Execute(t.Context(), "1", deposit{1, ""})
		assert.ErrorIs(t, err, failure)
		assert.ErrorContains(t, err, `execute on stream "account-1": `)
		assert.EqualValues(t, 1, store.appends.Load(), "%v must not be tried again", failure)
	}

	closed := memstore.New(nil)
	require.NoError(t, closed.Close(t.Context()))
	_, err := accountsIn(closed).Execute(t.Context(), "1", deposit{1, ""})
	assert.ErrorIs(t, err, eventstore.ErrClosed)
}

func TestExecuteConcurrentlyOnOneStream(t *testing.T) {
	const callers = 50
	store := memstore.New(nil)
	accounts := accountsIn(store)
	start := make(chan struct{})
	results := make([]aggregate.Result[account], callers)
	errs := make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			<-start
			results[i], errs[i] = accounts.Execute(t.Context(), "1", deposit{1, ""}, deposit{1, ""})
		})
	}
	close(start)
	all.Wait()

	versions := make(map[eventstore.Version]bool)
	for i, result := range results {
		require.NoError(t, errs[i])
		versions[result.Version] = true
		assert.EqualValues(t, result.Version, result.State.Balance, "a result shows its own events and all before")
	}
	assert.Len(t, versions, callers)
	assert.Len(t, recordedIn(t, store), 2*callers)
}
