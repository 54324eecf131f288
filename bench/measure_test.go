package main

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestThroughputCountsWhatAllCallersDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		side := throughput{callers: 3, amount: 10, call: func(context.Context) error {
			time.Sleep(400 * time.Millisecond)
			return nil
		}}

		s, err := side.measure(t.Context(), time.Second)

		require.NoError(t, err)
		assert.Equal(t, 90, s.amount, "3 calls of each caller, the third finished after its time")
		assert.Equal(t, 1200*time.Millisecond, s.elapsed)
		assert.InDelta(t, 75, s.rate(), 1e-9)
	})
}

func TestThroughputEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var calls atomic.Int64
	side := throughput{callers: 2, amount: 1, call: func(ctx context.Context) error {
		if calls.Add(1) == 1 {
			return broken
		}
		<-ctx.Done()
		return ctx.Err()
	}}

	_, err := side.measure(t.Context(), time.Hour)

	assert.ErrorIs(t, err, broken)
}

func TestThroughputEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	side := throughput{callers: 2, amount: 1, call: func(context.Context) error {
		cancel()
		return nil
	}}

	_, err := side.measure(ctx, time.Hour)

	assert.ErrorIs(t, err, context.Canceled)
}

func TestLatencyPausesBetweenProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		side := latency{probe: func(context.Context) (time.Duration, error) { return time.Millisecond, nil }}

		s, err := side.measure(t.Context(), time.Second)

		require.NoError(t, err)
		assert.GreaterOrEqual(t, len(s.latencies), int(time.Second/maxPause))
		assert.LessOrEqual(t, len(s.latencies), int(time.Second/minPause)+1)
	})
}

// recorder is a side that takes note of when it is measured.
type recorder struct {
	name  string
	turns *[]string
	times *[]time.Duration
}

func (r recorder) measure(_ context.Context, d time.Duration) (sample, error) {
	*r.turns = append(*r.turns, r.name)
	*r.times = append(*r.times, d)
	return sample{amount: len(*r.turns), elapsed: time.Second}, nil
}

func TestSidesAreMeasuredInTurnAfterARoundThatDoesNotCount(t *testing.T) {
	t.Parallel()
	var turns []string
	var times []time.Duration
	w := work{target: target{ratio: 1}}

	r, err := plan{rounds: 2, seconds: 3 * time.Second}.compare(t.Context(), w,
		recorder{"ours", &turns, &times}, recorder{"limit", &turns, &times}, log{io.Discard})

	require.NoError(t, err)
	assert.Equal(t, []string{"ours", "limit", "ours", "limit", "ours", "limit"}, turns)
	assert.Equal(t, []time.Duration{1e9, 1e9, 3e9, 3e9, 3e9, 3e9}, times)
	assert.InDelta(t, 4, r.Ours, 0, "the median of 3 and 5")
	assert.InDelta(t, 5, r.Limit, 0, "the median of 4 and 6")
}

func TestWhatTakesMinutesIsMeasuredOnce(t *testing.T) {
	t.Parallel()
	var turns []string
	var times []time.Duration
	w := work{target: target{ratio: 1}, once: true}

	r, err := plan{rounds: 2, seconds: 3 * time.Second}.compare(t.Context(), w,
		recorder{"ours", &turns, &times}, recorder{"limit", &turns, &times}, log{io.Discard})

	require.NoError(t, err)
	assert.Equal(t, []string{"ours", "limit"}, turns)
	assert.Equal(t, []time.Duration{3e9, 3e9}, times)
	assert.InDelta(t, 0.5, r.Ratio, 0)
}
