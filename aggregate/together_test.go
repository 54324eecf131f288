package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/address"
	"github.com/pasttense/pasttense/internal/docstest/customer"
	"github.com/pasttense/pasttense/memstore"
)

func customersIn(store eventstore.Store) Customers {
	return Customers{
		customers: aggregate.New[customer.Customer](store, customer.Events, nil),
		addresses: aggregate.New[address.Address](store, address.Events, nil),
	}
}

// stores are where aggregates are executed together.
var stores = map[string]func(testing.TB) eventstore.Store{
	"memory": func(testing.TB) eventstore.Store { return memstore.New(nil) },
	"Postgres": func(t testing.TB) eventstore.Store {
		t.Helper()
		store, _ := inPostgres(t)
		return store
	},
}

func TestOneOfManyGetsAnAddress(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			customers := customersIn(store)
			const callers = 30
			errs := make([]error, callers)
			var calls sync.WaitGroup
			for i := range callers {
				calls.Go(func() { errs[i] = customers.Register(t.Context(), fmt.Sprint(i), "ann@example.org") })
			}
			calls.Wait()

			owner, err := customers.addresses.Load(t.Context(), address.Key("ann@example.org"))
			require.NoError(t, err)
			assert.EqualValues(t, 1, owner.Version)
			for i, err := range errs {
				registered, loadErr := customers.customers.Load(t.Context(), fmt.Sprint(i))
				require.NoError(t, loadErr)
				if owner.State.Owner == fmt.Sprint(i) {
					assert.NoError(t, err)
					assert.Equal(t, "ann@example.org", registered.State.Email)
				} else {
					assert.ErrorIs(t, err, address.ErrTaken)
					assert.Zero(t, registered.Version, "nothing is recorded of the others")
				}
			}
		})
	}
}

// Two customers exchange their addresses again and again. Neither address may ever be both's, or nobody's who has it.
func TestAddressesAreNeverShared(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			customers := customersIn(store)
			require.NoError(t, customers.Register(t.Context(), "1", "a"))
			require.NoError(t, customers.Register(t.Context(), "2", "b"))
			var changes sync.WaitGroup
			for _, id := range []string{"1", "2"} {
				changes.Go(func() {
					for i := range 40 {
						err := customers.ChangeEmail(t.Context(), id, []string{"a", "b", "c"}[i%3])
						var refused *aggregate.RefusedError
						assert.True(t, err == nil || errors.As(err, &refused), "%v", err)
					}
				})
			}
			changes.Wait()
			for _, id := range []string{"1", "2"} {
				registered, err := customers.customers.Load(t.Context(), id)
				require.NoError(t, err)
				owner, err := customers.addresses.Load(t.Context(), address.Key(registered.State.Email))
				require.NoError(t, err)
				assert.Equal(t, id, owner.State.Owner)
			}
		})
	}
}

func TestPlansHaveTheirResults(t *testing.T) {
	accounts := accountsIn(memstore.New(nil))
	_, err := accounts.Execute(t.Context(), "1", deposit{10, ""})
	require.NoError(t, err)

	from := accounts.Plan("1", withdraw{4})
	to := accounts.Plan("2", deposit{4, ""}, deposit{0, ""})
	looked := accounts.Plan("3")
	require.NoError(t, aggregate.ExecuteTogether(t.Context(), from, to, looked))

	now, err := accounts.Load(t.Context(), "1")
	require.NoError(t, err)
	now.Recorded = 1
	assert.Equal(t, now, from.Result)
	now, err = accounts.Load(t.Context(), "2")
	require.NoError(t, err)
	now.Recorded = 1
	assert.Equal(t, now, to.Result)
	assert.Zero(t, looked.Result)
}

// A decision to do nothing counts as much as any other: it must hold when the others are recorded.
func TestWhatDecidesNothingIsCheckedToo(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	accounts := accountsIn(store)
	store.onAppend = func(
		n int64, _ eventstore.Write, next func() (eventstore.AppendResult, error),
	) (eventstore.AppendResult, error) {
		if n == 1 {
			appendTo(t, store.Store, "2", deposited{Amount: 1})
		}
		return next()
	}
	var seen []int
	looks := decideFunc(func(a account) ([]movement, error) {
		seen = append(seen, a.Balance)
		return nil, nil
	})
	written, looked := accounts.Plan("1", deposit{1, ""}), accounts.Plan("2", looks)
	require.NoError(t, aggregate.ExecuteTogether(t.Context(), written, looked))
	assert.Equal(t, []int{0, 1}, seen)
	assert.EqualValues(t, 1, looked.Result.Version)
	assert.EqualValues(t, 1, written.Result.Version)
}

func TestOneRefusalRefusesAll(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	accounts := accountsIn(store)
	err := aggregate.ExecuteTogether(t.Context(),
		accounts.Plan("1", deposit{1, ""}), accounts.Plan("2", withdraw{1}))
	require.ErrorIs(t, err, errOverdrawn)
	var refused *aggregate.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, withdraw{1}, refused.Command)
	assert.ErrorContains(t, err, `execute together: stream "account-2": `)
	assert.Zero(t, store.appends.Load())
}

func TestNothingDecidedIsNothingAppended(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	accounts := accountsIn(store)
	require.NoError(t, aggregate.ExecuteTogether(t.Context(), accounts.Plan("1"), accounts.Plan("2", deposit{0, ""})))
	assert.Zero(t, store.appends.Load())
}

func TestExecuteTogetherGivesUp(t *testing.T) {
	store := conflicting(1000)
	impatient := aggregate.New[account](store, movements, &aggregate.Options{Attempts: 2})
	lessSo := aggregate.New[account](store, movements, &aggregate.Options{Attempts: 3})
	err := aggregate.ExecuteTogether(t.Context(),
		impatient.Plan("1", deposit{1, ""}), lessSo.Plan("2", deposit{1, ""}))
	var conflict *eventstore.ConflictError
	require.ErrorAs(t, err, &conflict)
	assert.ErrorContains(t, err, "execute together: gave up after 3 attempts: ")
	assert.EqualValues(t, 3, store.appends.Load())

	ctx, cancel := context.WithCancel(t.Context())
	store.onAppend = func(
		_ int64, write eventstore.Write, _ func() (eventstore.AppendResult, error),
	) (eventstore.AppendResult, error) {
		cancel()
		return eventstore.AppendResult{}, &eventstore.ConflictError{Stream: write.Stream}
	}
	err = aggregate.ExecuteTogether(ctx, accountsIn(store).Plan("1", deposit{1, ""}))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorAs(t, err, &conflict)
}

func TestPlansThatCannotBe(t *testing.T) {
	accounts := accountsIn(untouched{})
	for name, c := range map[string]struct {
		plans []aggregate.Planned
		want  string
	}{
		"none": {nil, "there are no plans"},
		"the same stream": {
			[]aggregate.Planned{accounts.Plan("1"), accounts.Plan("1")},
			`stream "account-1": invalid argument: two plans are on it`,
		},
		"another store": {
			[]aggregate.Planned{accounts.Plan("1"), accountsIn(memstore.New(nil)).Plan("2")},
			`stream "account-2": invalid argument: its repository is on another store`,
		},
		"no key": {[]aggregate.Planned{accounts.Plan("")}, "key is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			err := aggregate.ExecuteTogether(t.Context(), c.plans...)
			require.ErrorIs(t, err, eventstore.ErrInvalid)
			assert.ErrorContains(t, err, c.want)
		})
	}
	failure := errors.New("the store is on fire")
	broken := accountsIn(failing(failure))
	err := aggregate.ExecuteTogether(t.Context(), broken.Plan("1", deposit{1, ""}))
	assert.ErrorIs(t, err, failure)
}

// wrapped is a store that cannot be compared with others.
type wrapped struct {
	eventstore.Store
	_ map[string]string
}

func TestStoresThatCannotBeCompared(t *testing.T) {
	accounts := accountsIn(wrapped{Store: memstore.New(nil)})
	require.NoError(t, aggregate.ExecuteTogether(t.Context(), accounts.Plan("1", deposit{1, ""})))
	err := aggregate.ExecuteTogether(t.Context(), accounts.Plan("1"), accounts.Plan("2"))
	assert.ErrorIs(t, err, eventstore.ErrInvalid)
}
