package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

var errLost = fmt.Errorf("append: %w: connection reset", eventstore.ErrOutcomeUnknown)

// doubtful returns a store that does not tell the outcome of its first n appends, which it makes or does not.
func doubtful(n int64, made bool) *watched {
	return &watched{Store: memstore.New(nil), onAppend: func(
		call int64, _ eventstore.Write, next func() (eventstore.AppendResult, error),
	) (eventstore.AppendResult, error) {
		if call > n {
			return next()
		}
		if made {
			if _, err := next(); err != nil {
				return eventstore.AppendResult{}, err
			}
		}
		return eventstore.AppendResult{}, errLost
	}}
}

func TestALostAcknowledgementIsResolved(t *testing.T) {
	for _, made := range []bool{true, false} {
		t.Run(fmt.Sprintf("made %t", made), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := doubtful(4, made)
				appendTo(t, store.Store, "1", deposited{Amount: 10})
				result, err := accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", withdrawAll{}, deposit{1, ""})
				require.NoError(t, err)
				assert.Equal(t, aggregate.Result[account]{
					State:   account{Balance: 1, History: []int{10, -10, 1}, ByPurpose: map[string]int{"": 11}},
					Version: 3, Position: 3, Recorded: 2,
				}, result)
				assert.Len(t, recordedIn(t, store), 3)
				assert.EqualValues(t, 5, store.appends.Load())
			})
		})
	}
}

func TestExecuteLeavesDoubtToTheCaller(t *testing.T) {
	store := doubtful(1, true)
	_, err := accountsIn(store).Execute(t.Context(), "1", deposit{1, ""})
	assert.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	assert.EqualValues(t, 1, store.appends.Load())
}

func TestAnAppendInDoubtMayTurnOutOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := doubtful(1, false)
		inDoubt := store.onAppend
		store.onAppend = func(n int64, write eventstore.Write, next func() (eventstore.AppendResult, error)) (
			eventstore.AppendResult, error,
		) {
			if n == 2 {
				appendTo(t, store.Store, "1", deposited{Amount: 10})
			}
			return inDoubt(n, write, next)
		}
		result, err := accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", deposit{1, ""})
		require.NoError(t, err)
		assert.Equal(t, 11, result.State.Balance)
		assert.EqualValues(t, 3, store.appends.Load())
	})
}

// A conflict tells that the append in doubt was not made, and never will be.
func TestAConflictEndsTheDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := conflicting(1000)
		conflict := store.onAppend
		store.onAppend = func(n int64, write eventstore.Write, next func() (eventstore.AppendResult, error)) (
			eventstore.AppendResult, error,
		) {
			if n%2 == 1 {
				return eventstore.AppendResult{}, errLost
			}
			return conflict(n, write, next)
		}
		accounts := aggregate.New[account](store, movements, &aggregate.Options{Attempts: 2})
		_, err := accounts.ExecuteOnce(t.Context(), commandA, "1", deposit{1, ""})
		var conflicted *eventstore.ConflictError
		assert.ErrorAs(t, err, &conflicted)
		assert.NotErrorIs(t, err, eventstore.ErrOutcomeUnknown)
		assert.EqualValues(t, 4, store.appends.Load())
	})
}

func TestDoubtThatRemainsIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := doubtful(1000, true)
		accounts := aggregate.New[account](store, movements, &aggregate.Options{Attempts: 7})
		_, err := accounts.ExecuteOnce(t.Context(), commandA, "1", deposit{1, ""})
		assert.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
		assert.ErrorContains(t, err, `execute on stream "account-1": gave up after 7 appends: `)
		assert.EqualValues(t, 7, store.appends.Load())

		again, err := accounts.ExecuteOnce(t.Context(), commandA, "1", deposit{1, ""})
		require.NoError(t, err)
		assert.True(t, again.Repeated)
		assert.EqualValues(t, 1, again.Version)
	})
}

func TestTheContextEndsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := accountsIn(doubtful(1000, false)).ExecuteOnce(ctx, commandA, "1", deposit{1, ""})
		assert.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// That the second append fails says nothing of the first.
func TestAFailureAfterDoubtLeavesTheDoubt(t *testing.T) {
	refused := errors.New("connection refused")
	store := failing(nil)
	store.onAppend = func(n int64, _ eventstore.Write, _ func() (eventstore.AppendResult, error)) (
		eventstore.AppendResult, error,
	) {
		if n == 1 {
			return eventstore.AppendResult{}, errLost
		}
		return eventstore.AppendResult{}, refused
	}
	_, err := accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", deposit{1, ""})
	assert.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	assert.ErrorIs(t, err, refused)
}

func TestOnceReturnsOtherErrorsOfTheStore(t *testing.T) {
	broken := errors.New("broken")
	store := failing(broken)
	_, err := accountsIn(store).ExecuteOnce(t.Context(), commandA, "1", deposit{1, ""})
	assert.ErrorIs(t, err, broken)
	assert.NotErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	assert.EqualValues(t, 1, store.appends.Load())
}
