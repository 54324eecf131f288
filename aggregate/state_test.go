package aggregate_test

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// The state's slice has room to spare and its map is written to in place, so two folds that shared either would race.
func TestStatesShareNoMemory(t *testing.T) {
	const callers, rounds = 8, 20
	store := memstore.New(nil)
	accounts := accountsIn(store)
	_, err := accounts.Execute(t.Context(), "1", deposit{1, "seed"}, deposit{1, "seed"}, deposit{1, "seed"})
	require.NoError(t, err)

	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for round := range rounds {
				executed, err := accounts.Execute(t.Context(), "1", deposit{caller + 1, strconv.Itoa(round)})
				assert.NoError(t, err)
				ruin(executed.State)
				loaded, err := accounts.Load(t.Context(), "1")
				assert.NoError(t, err)
				ruin(loaded.State)
			}
		})
	}
	all.Wait()

	loaded, err := accounts.Load(t.Context(), "1")
	require.NoError(t, err)
	assert.Equal(t, foldByHand(recordedIn(t, store)), loaded.State)
	assert.Len(t, loaded.State.History, 3+callers*rounds)
}

// ruin does to a state what its owner may do.
func ruin(a account) {
	clear(a.History)
	full := a.History[:cap(a.History)]
	clear(full)
	clear(a.ByPurpose)
	a.ByPurpose["ruined"] = 1
}

// foldByHand folds events into a state without a repository.
func foldByHand(events []eventstore.RecordedEvent) account {
	var a account
	for _, recorded := range events {
		decoded, err := movements.Decode(recorded)
		if err != nil {
			panic(err)
		}
		for _, event := range decoded {
			a = a.Evolve(event)
		}
	}
	return a
}

func TestAConflictLeavesNoTraceInTheState(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	appendTo(t, store.Store, "1", deposited{1, "a"}, deposited{2, "a"}, deposited{3, "a"})
	store.onAppend = func(n int64, _ eventstore.Write, next func() (eventstore.AppendResult, error)) (
		eventstore.AppendResult, error,
	) {
		if n <= 3 {
			appendTo(t, store.Store, "1", deposited{10, "b"})
		}
		return next()
	}
	result, err := accountsIn(store).Execute(t.Context(), "1", deposit{100, "c"})
	require.NoError(t, err)
	assert.Equal(t, account{
		Balance:   136,
		History:   []int{1, 2, 3, 10, 10, 10, 100},
		ByPurpose: map[string]int{"a": 6, "b": 30, "c": 100},
	}, result.State)
}

// An event that holds a slice of the state is stored as it was decided, although Evolve overwrites that slice.
func TestEventsMayShareMemoryWithTheState(t *testing.T) {
	store := memstore.New(nil)
	audit := decideFunc(func(a account) ([]movement, error) {
		return []movement{audited{History: a.History}, audited{History: a.History}}, nil
	})
	result, err := accountsIn(store).Execute(t.Context(), "1", deposit{1, ""}, deposit{2, ""}, audit)
	require.NoError(t, err)
	assert.Equal(t, []int{0, 0}, result.State.History)

	events := recordedIn(t, store)
	require.Len(t, events, 4)
	assert.JSONEq(t, `{"history":[1,2]}`, string(events[2].Data))
	assert.JSONEq(t, `{"history":[1,2]}`, string(events[3].Data))
}

func TestAnEventDecidedAsAPointerReachesEvolveAsAValue(t *testing.T) {
	pointer := decideFunc(func(account) ([]movement, error) { return []movement{&deposited{Amount: 5}}, nil })
	result, err := accountsIn(memstore.New(nil)).Execute(t.Context(), "1", pointer)
	require.NoError(t, err)
	assert.Equal(t, 5, result.State.Balance)
}

func TestEventsThatCannotBeEncodedAreNotAppended(t *testing.T) {
	var missing *deposited
	for name, event := range map[string]movement{"nil": nil, "nil pointer": missing, "foreign": foreign{}} {
		t.Run(name, func(t *testing.T) {
			store := &watched{Store: memstore.New(nil)}
			command := decideFunc(func(account) ([]movement, error) { return []movement{event}, nil })
			_, err := accountsIn(store).Execute(t.Context(), "1", deposit{1, ""}, command)
			assert.ErrorIs(t, err, eventstore.ErrInvalid)
			assert.ErrorContains(t, err, `execute on stream "account-1": aggregate_test.decideFunc: event 0: `)
			assert.Zero(t, store.appends.Load())
		})
	}
}

type foreign struct{}

func (foreign) account() {}

// forgetful is a codec that cannot read what it writes.
type forgetful struct{ eventstore.Codec[movement] }

func (forgetful) Decode(eventstore.RecordedEvent) ([]movement, error) {
	return nil, eventstore.ErrUnknownType
}

func TestEventsThatCannotBeReadBackAreNotAppended(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	accounts := aggregate.New[account](store, forgetful{movements}, nil)
	_, err := accounts.Execute(t.Context(), "1", deposit{1, ""})
	assert.ErrorIs(t, err, eventstore.ErrUnknownType)
	assert.ErrorContains(t, err, "cannot be read back")
	assert.Zero(t, store.appends.Load())
}

// upcasting is a codec to which a deposit means two deposits of half the amount, and an audit nothing any more.
// It leaves the defaults to the store.
type upcasting struct{ eventstore.Codec[movement] }

func (c upcasting) Encode(event movement) (eventstore.EventData, error) {
	data, err := c.Codec.Encode(event)
	return eventstore.EventData{Type: data.Type, Data: data.Data}, err
}

func (c upcasting) Decode(recorded eventstore.RecordedEvent) ([]movement, error) {
	events, err := c.Codec.Decode(recorded)
	if err != nil {
		return nil, err
	}
	switch event := events[0].(type) {
	case deposited:
		half := deposited{event.Amount / 2, event.Purpose}
		return []movement{half, half}, nil
	case audited:
		return nil, nil
	default:
		return events, nil
	}
}

func TestAStoredEventMayMeanNoneOrSeveral(t *testing.T) {
	store := memstore.New(nil)
	accounts := aggregate.New[account](store, upcasting{movements}, nil)
	audit := decideFunc(func(account) ([]movement, error) { return []movement{audited{}}, nil })
	executed, err := accounts.Execute(t.Context(), "1", deposit{10, ""}, audit, deposit{4, ""}, audit)
	require.NoError(t, err)
	assert.Equal(t, account{Balance: 14, History: []int{5, 5, 2, 2}, ByPurpose: map[string]int{"": 14}}, executed.State)
	assert.EqualValues(t, 4, executed.Version)
	assert.Equal(t, 4, executed.Recorded)

	loaded, err := accounts.Load(t.Context(), "1")
	require.NoError(t, err)
	assert.Equal(t, executed.State, loaded.State)
	assert.EqualValues(t, 4, loaded.Version)
}
