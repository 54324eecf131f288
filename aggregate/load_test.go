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

func TestLoadAtAVersion(t *testing.T) {
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
		got, err := accounts.LoadAt(t.Context(), "1", aggregate.AtVersion(eventstore.Version(version)))
		require.NoError(t, err)
		assert.Equal(t, result, got)
		assert.LessOrEqual(t, store.reads.Load(), int64(max(1, version)), "no more is read than needed")
	}

	_, err := accounts.LoadAt(t.Context(), "1", aggregate.AtVersion(6))
	require.ErrorIs(t, err, aggregate.ErrBeyondStream)
	assert.EqualError(t, err, `load stream "account-1" at version 6: version is beyond the end of the stream, `+
		`which is at version 5`)
	_, err = accounts.LoadAt(t.Context(), "unknown", aggregate.AtVersion(1<<62))
	assert.ErrorIs(t, err, aggregate.ErrBeyondStream)
	_, err = accountsIn(untouched{}).LoadAt(t.Context(), "1", aggregate.AtVersion(-1))
	assert.ErrorIs(t, err, eventstore.ErrInvalid)
}

func TestLoadAtATime(t *testing.T) {
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
			result, err := accountsIn(store).LoadAt(t.Context(), "1", aggregate.AtTime(c.at))
			require.NoError(t, err)
			assert.Equal(t, c.version, result.Version)
			want, err := accountsIn(store).LoadAt(t.Context(), "1", aggregate.AtVersion(c.version))
			require.NoError(t, err)
			assert.Equal(t, want, result)
		})
	}
}

func TestLoadAtAPosition(t *testing.T) {
	store := memstore.New(nil)
	appendTo(t, store, "other", deposited{Amount: 1})
	appendTo(t, store, "1", deposited{Amount: 1}, deposited{Amount: 2})
	appendTo(t, store, "other", deposited{Amount: 1})
	appendTo(t, store, "1", deposited{Amount: 3})
	for position, version := range []eventstore.Version{0, 0, 1, 2, 2, 3, 3} {
		result, err := accountsIn(store).LoadAt(t.Context(), "1", aggregate.AtPosition(eventstore.Position(position)))
		require.NoError(t, err)
		want, err := accountsIn(store).LoadAt(t.Context(), "1", aggregate.AtVersion(version))
		require.NoError(t, err)
		assert.Equal(t, want, result, "position %d", position)
	}
	_, err := accountsIn(untouched{}).LoadAt(t.Context(), "1", aggregate.AtPosition(-1))
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	assert.EqualError(t, err, `load stream "account-1" at position -1: invalid argument: it is negative`)
}

func TestTheZeroPointIsRefused(t *testing.T) {
	_, err := accountsIn(untouched{}).LoadAt(t.Context(), "1", aggregate.Point{})
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	assert.EqualError(t, err, `load stream "account-1" at no point: invalid argument: `+
		"make the point by AtVersion, AtPosition or AtTime")
}

func TestPointsSayWhatTheyAre(t *testing.T) {
	assert.Equal(t, "version 3", aggregate.AtVersion(3).String())
	assert.Equal(t, "position 41", aggregate.AtPosition(41).String())
	noon := time.Date(2025, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600))
	assert.Equal(t, "time 2025-03-01T12:00:00Z", aggregate.AtTime(noon).String())
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

	before, err := accounts.LoadAt(t.Context(), "1", aggregate.AtVersion(1))
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
		assert.ErrorContains(t, err, `load stream "account-1"`)
		assert.Zero(t, result)
	}
}

type loadFunc func(context.Context, string) (aggregate.Result[account], error)

// loads are all ways to load what an account is now.
func loads(accounts *aggregate.Repository[account, movement]) []loadFunc {
	return []loadFunc{
		accounts.Load,
		func(ctx context.Context, key string) (aggregate.Result[account], error) {
			return accounts.LoadAt(ctx, key, aggregate.AtVersion(2))
		},
		func(ctx context.Context, key string) (aggregate.Result[account], error) {
			return accounts.LoadAt(ctx, key, aggregate.AtTime(time.Now().Add(time.Hour)))
		},
		func(ctx context.Context, key string) (aggregate.Result[account], error) {
			return accounts.LoadAt(ctx, key, aggregate.AtPosition(1000))
		},
	}
}
