package aggregate_test

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
)

// describedCodec tells what schema it has.
type describedCodec struct {
	eventstore.Codec[movement]
	schema string
}

func (describedCodec) EventTypes() []eventstore.EventType { return nil }
func (d describedCodec) Schema() string                   { return d.schema }

var indented = eventstore.Format{
	ContentType: "application/json; indented",
	Marshal:     func(state any) ([]byte, error) { return json.MarshalIndent(state, "", " ") },
	Unmarshal:   json.Unmarshal,
}

func TestSnapshotsInAnotherFormat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory()
		accounts := keep(store, aggregate.SnapshotOptions{Every: 5, Format: indented})
		deposits(t, accounts, 7)
		assert.Contains(t, string(store.newest(t).Data), "\n \"Balance\": 5,")
		store.forgetCalls()
		loaded, err := accounts.Load(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, 7, loaded.State.Balance)
		assert.Equal(t, []eventstore.Version{5}, store.reads)
	})
}

func TestAStateThatWouldComeBackAsAnotherIsNotSaved(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*eventstore.Format)
		says   string
	}{
		"lossy": {func(f *eventstore.Format) {
			f.Unmarshal = func(data []byte, state any) error {
				err := json.Unmarshal(data, state)
				state.(*account).ByPurpose["a"]--
				return err
			}
		}, "account.ByPurpose[a] comes back as something else"},
		"not written": {func(f *eventstore.Format) {
			f.Marshal = func(any) ([]byte, error) { return nil, errors.New("no ink") }
		}, "no ink"},
		"not read": {func(f *eventstore.Format) {
			f.Unmarshal = func([]byte, any) error { return errors.New("no light") }
		}, "it does not come back: no light"},
		"panics": {func(f *eventstore.Format) {
			f.Marshal = func(any) ([]byte, error) { panic("no way") }
		}, "panic: no way"},
		"panics when read": {func(f *eventstore.Format) {
			f.Unmarshal = func([]byte, any) error { panic("no way") }
		}, "it does not come back: panic: no way"},
		"too large": {func(f *eventstore.Format) {
			f.Marshal = func(state any) ([]byte, error) {
				data, err := json.Marshal(state)
				return append(data, make([]byte, eventstore.MaxSnapshotBytes)...), err
			}
			f.Unmarshal = func(data []byte, state any) error {
				return json.Unmarshal(data[:len(data)-eventstore.MaxSnapshotBytes], state)
			}
		}, "invalid argument: Data is "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, logs, format := inMemory(), &logs{}, indented
				c.change(&format)
				accounts := keep(store, aggregate.SnapshotOptions{Every: 10, Format: format, Logger: logs.logger()})
				deposits(t, accounts, 10)
				assert.Empty(t, store.saved)
				require.Len(t, logs.lines(t), 1)
				assert.Contains(t, logs.lines(t)[0], "the state cannot be kept as a snapshot | account-1 | "+c.says)

				store.forgetCalls()
				deposits(t, accounts, 15)
				assert.Equal(t, 15, store.loads, "it is not tried again for each command")
			})
		})
	}
}

// The lines of this state are reached in two ways, and Evolve writes to them by one of them.
type (
	line    struct{ Amount int }
	twoWays struct {
		Lines []*line
		By    map[string]*line
	}
)

func (s twoWays) Evolve(event movement) twoWays {
	if e, ok := event.(deposited); ok {
		if s.By == nil {
			s.By = make(map[string]*line)
		}
		if s.By[e.Purpose] == nil {
			s.By[e.Purpose] = &line{}
			s.Lines = append(s.Lines, s.By[e.Purpose])
		}
		s.By[e.Purpose].Amount += e.Amount
	}
	return s
}

// As JSON the state would come back with two lines for each, of which Evolve would change one.
func TestAStateWithSharedPointersIsNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, logs := inMemory(), &logs{}
		states := aggregate.New[twoWays](store, movements, &aggregate.Options{
			Snapshots: &aggregate.SnapshotOptions{Every: 3, Logger: logs.logger()},
		})
		plus := decideFuncOf[twoWays](func(twoWays) ([]movement, error) { return []movement{deposited{1, "a"}}, nil })
		for n := range 7 {
			result, err := states.Execute(t.Context(), "1", plus)
			require.NoError(t, err)
			assert.Equal(t, n+1, result.State.Lines[0].Amount)
			synctest.Wait()
		}
		assert.Empty(t, store.saved)
		require.Len(t, logs.lines(t), 1)
		assert.Contains(t, logs.lines(t)[0], "twoWays.By[a] comes back as something else")
	})
}

type decideFuncOf[S any] func(S) ([]movement, error)

func (f decideFuncOf[S]) Decide(state S) ([]movement, error) { return f(state) }
