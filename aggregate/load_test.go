package aggregate_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

func TestLoadOfAStreamWithoutEvents(t *testing.T) {
	result, err := accountsIn(memstore.New(nil)).Load(t.Context(), "1")
	require.NoError(t, err)
	assert.Zero(t, result)
}

func TestLoadVersion(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	accounts := accountsIn(store)
	want := []aggregate.Result[account]{{}}
	for i := range 5 {
		result, err := accounts.Execute(t.Context(), "1", deposit{i + 1, ""})
		require.NoError(t, err)
		result.Recorded = 0
		want = append(want, result)
	}
	for version, result := range want {
		store.reads.Store(0)
		got, err := accounts.LoadVersion(t.Context(), "1", eventstore.Version(version))
		require.NoError(t, err)
		assert.Equal(t, result, got)
		assert.LessOrEqual(t, store.reads.Load(), int64(max(1, version)), "no more is read than needed")
	}

	_, err := accounts.LoadVersion(t.Context(), "1", 6)
	require.ErrorIs(t, err, aggregate.ErrBeyondStream)
	assert.EqualError(t, err, `load version 6 of stream "account-1": version is beyond the end of the stream, `+
		`which is at version 5`)
	_, err = accounts.LoadVersion(t.Context(), "unknown", 1<<62)
	assert.ErrorIs(t, err, aggregate.ErrBeyondStream)
	_, err = accountsIn(untouched{}).LoadVersion(t.Context(), "1", -1)
	assert.ErrorIs(t, err, eventstore.ErrInvalid)
}

func TestLoadAt(t *testing.T) {
	noon := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	now := noon
	store := memstore.New(&memstore.Options{Now: func() time.Time { return now }})
	// The clock steps back after the third event.
	for i, minute := range []int{0, 1, 5, 2, 6} {
		now = noon.Add(time.Duration(minute) * time.Minute)
		appendTo(t, store, "1", deposited{Amount: i + 1})
	}
	for name, c := range map[string]struct {
		at      time.Time
		version eventstore.Version
	}{
		"before the first event":         {noon.Add(-time.Microsecond), 0},
		"at the first event":             {noon, 1},
		"between":                        {noon.Add(90 * time.Second), 2},
		"later than one that stands out": {noon.Add(3 * time.Minute), 2},
		"at the one that stands out":     {noon.Add(5 * time.Minute), 4},
		"just before the last":           {noon.Add(6*time.Minute - 1), 4},
		"after the last":                 {noon.Add(time.Hour), 5},
		"in another zone":                {noon.In(time.FixedZone("", 3600)), 1},
		"zero":                           {time.Time{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := accountsIn(store).LoadAt(t.Context(), "1", c.at)
			require.NoError(t, err)
			assert.Equal(t, c.version, result.Version)
			want, err := accountsIn(store).LoadVersion(t.Context(), "1", c.version)
			require.NoError(t, err)
			assert.Equal(t, want, result)
		})
	}
}

func TestKeysThatCannotBeAreNotLoaded(t *testing.T) {
	accounts := accountsIn(untouched{})
	for _, load := range loads(accounts) {
		_, err := load(t.Context(), "")
		assert.ErrorIs(t, err, eventstore.ErrInvalid)
		assert.ErrorContains(t, err, `stream "account-"`)
	}
}

func TestAnUnknownEventIsNamed(t *testing.T) {
	store := memstore.New(nil)
	appendTo(t, store, "other", deposited{Amount: 1})
	appendTo(t, store, "1", deposited{Amount: 1})
	_, err := store.Append(t.Context(), eventstore.Write{
		Stream: accountStream("1"), Expected: eventstore.StreamExists,
		Events: []eventstore.EventData{{Type: "account.closed", Data: []byte("{}")}},
	})
	require.NoError(t, err)
	accounts := accountsIn(store)

	for _, load := range loads(accounts) {
		_, err := load(t.Context(), "1")
		require.ErrorIs(t, err, eventstore.ErrUnknownType)
		for _, part := range []string{`"account.closed"`, `stream "account-1"`, "version 2", "position 3"} {
			assert.ErrorContains(t, err, part)
		}
	}
	_, err = accounts.Execute(t.Context(), "1", deposit{1, ""})
	assert.ErrorIs(t, err, eventstore.ErrUnknownType)
	assert.ErrorContains(t, err, `execute on stream "account-1": `)

	before, err := accounts.LoadVersion(t.Context(), "1", 1)
	require.NoError(t, err)
	assert.Equal(t, 1, before.State.Balance)
}

// unreadable is a store whose streams break off after their first event.
type unreadable struct {
	eventstore.Store
	err error
}

func (u unreadable) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		for event, err := range u.Store.ReadStream(ctx, id, opts) {
			if yield(event, err) {
				yield(eventstore.RecordedEvent{}, u.err)
			}
			return
		}
	}
}

func TestAReadThatFailsGivesNoState(t *testing.T) {
	store := unreadable{memstore.New(nil), errors.New("connection reset")}
	appendTo(t, store, "1", deposited{Amount: 1}, deposited{Amount: 2})
	for _, load := range loads(accountsIn(store)) {
		result, err := load(t.Context(), "1")
		assert.ErrorIs(t, err, store.err)
		assert.ErrorContains(t, err, `load stream "account-1": `)
		assert.Zero(t, result)
	}
}

type loadFunc func(context.Context, string) (aggregate.Result[account], error)

// loads are all ways to load what an account is now.
func loads(accounts *aggregate.Repository[account, movement]) []loadFunc {
	return []loadFunc{
		accounts.Load,
		func(ctx context.Context, key string) (aggregate.Result[account], error) {
			return accounts.LoadVersion(ctx, key, 2)
		},
		func(ctx context.Context, key string) (aggregate.Result[account], error) {
			return accounts.LoadAt(ctx, key, time.Now().Add(time.Hour))
		},
	}
}
