package projection_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/projection"
)

// looks is checkpoints that answer from a function and note when they were asked.
type looks struct {
	eventstore.Checkpoints
	answer func() (eventstore.Checkpoint, error)
	at     []time.Time
}

func (l *looks) Checkpoint(context.Context, string) (eventstore.Checkpoint, error) {
	l.at = append(l.at, time.Now())
	return l.answer()
}

func TestWaitForLooksLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		checkpoints := &looks{answer: func() (eventstore.Checkpoint, error) {
			if time.Since(begin) < time.Second {
				return eventstore.Checkpoint{Position: 6}, nil
			}
			return eventstore.Checkpoint{Position: 8}, nil
		}}
		require.NoError(t, projection.WaitFor(t.Context(), checkpoints, name, 7))
		assert.Equal(t, begin, checkpoints.at[0])
		assert.Equal(t, time.Millisecond, checkpoints.at[1].Sub(begin))
		assert.InDelta(t, time.Second, time.Since(begin), float64(50*time.Millisecond))
		assert.InDelta(t, 26, len(checkpoints.at), 2)
	})
}

func TestWaitForTellsHowFarItCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		checkpoints := &looks{answer: func() (eventstore.Checkpoint, error) {
			return eventstore.Checkpoint{Position: 6}, ctx.Err()
		}}
		err := projection.WaitFor(ctx, checkpoints, name, 7)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err,
			`wait for projection "sales" to reach position 7: it is at 6: context deadline exceeded`)
	})
}

func TestWaitForAPausedProjection(t *testing.T) {
	checkpoints := &looks{answer: func() (eventstore.Checkpoint, error) {
		return eventstore.Checkpoint{Position: 6, Paused: true, Reason: "poison"}, nil
	}}
	require.NoError(t, projection.WaitFor(t.Context(), checkpoints, name, 6))
	err := projection.WaitFor(t.Context(), checkpoints, name, 7)
	require.ErrorIs(t, err, eventstore.ErrPaused)
	require.ErrorContains(t, err, "poison")
}

func TestWaitForReturnsTheErrorOfTheCheckpoints(t *testing.T) {
	errAway := errors.New("the database is away")
	checkpoints := &looks{answer: func() (eventstore.Checkpoint, error) { return eventstore.Checkpoint{}, errAway }}
	require.ErrorIs(t, projection.WaitFor(t.Context(), checkpoints, name, 7), errAway)
}
