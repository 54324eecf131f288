package aggregate_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

func TestConflictIsDecidedAgainOnTheNewState(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	appendTo(t, store.Store, "1", deposited{Amount: 10})
	store.onAppend = func(n int64, _ eventstore.Write, next func() (eventstore.AppendResult, error)) (
		eventstore.AppendResult, error,
	) {
		if n == 1 {
			appendTo(t, store.Store, "1", withdrawn{Amount: 3})
		}
		return next()
	}
	var seen []int
	command := decideFunc(func(a account) ([]movement, error) {
		seen = append(seen, a.Balance)
		return []movement{withdrawn{Amount: a.Balance}}, nil
	})

	result, err := accountsIn(store).Execute(t.Context(), "1", command)
	require.NoError(t, err)
	assert.Equal(t, []int{10, 7}, seen)
	assert.Equal(t, account{History: []int{10, -3, -7}, ByPurpose: map[string]int{"": 10}}, result.State)
	assert.EqualValues(t, 3, result.Version)
}

func TestConflictMayTurnIntoARefusal(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	appendTo(t, store.Store, "1", deposited{Amount: 10})
	store.onAppend = func(_ int64, _ eventstore.Write, next func() (eventstore.AppendResult, error)) (
		eventstore.AppendResult, error,
	) {
		appendTo(t, store.Store, "1", withdrawn{Amount: 3})
		return next()
	}
	_, err := accountsIn(store).Execute(t.Context(), "1", withdraw{10})
	assert.ErrorIs(t, err, errOverdrawn)
	assert.EqualValues(t, 1, store.appends.Load())
}

func TestConflictsAreOutlastedUpToTheLastAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := conflicting(aggregate.DefaultAttempts - 1)
		result, err := accountsIn(store).Execute(t.Context(), "1", deposit{1, ""})
		require.NoError(t, err)
		assert.EqualValues(t, 1, result.Version)
		assert.EqualValues(t, aggregate.DefaultAttempts, store.appends.Load())
	})
}

func TestConflictIsReturnedWhenAttemptsAreUsedUp(t *testing.T) {
	for _, attempts := range []int{1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			store := conflicting(1000)
			accounts := aggregate.New[account](store, movements, &aggregate.Options{Attempts: attempts})
			began := time.Now()
			_, err := accounts.Execute(t.Context(), "1", deposit{1, ""})

			var conflict *eventstore.ConflictError
			require.ErrorAs(t, err, &conflict)
			assert.Equal(t, accountStream("1"), conflict.Stream)
			assert.ErrorContains(t, err, `execute on stream "account-1": gave up after `)
			assert.EqualValues(t, attempts, store.appends.Load())
			assert.Less(t, time.Since(began), time.Duration(attempts)*64*time.Millisecond)
		})
	}
}

func TestDelaysBetweenAttemptsStayShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := accountsIn(conflicting(1000)).Execute(t.Context(), "1", deposit{1, ""})
		require.Error(t, err)
		waited := time.Since(began)
		assert.Less(t, waited, aggregate.DefaultAttempts*64*time.Millisecond)
		assert.Greater(t, waited, time.Second, "a hundred attempts are spread out")
	})
}

func TestContextEndsTheWaitForTheNextAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := accountsIn(conflicting(1000)).Execute(ctx, "1", deposit{1, ""})

		assert.ErrorIs(t, err, context.DeadlineExceeded)
		var conflict *eventstore.ConflictError
		assert.ErrorAs(t, err, &conflict)
		assert.ErrorContains(t, err, `execute on stream "account-1": `)
		assert.Equal(t, 100*time.Millisecond, time.Since(began))
	})
}

func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	store := memstore.New(nil)
	_, err := accountsIn(store).Execute(ctx, "1", deposit{1, ""})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = accountsIn(store).Load(ctx, "1")
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, recordedIn(t, store))
}
