package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func rates(perSecond ...int) []sample {
	samples := make([]sample, len(perSecond))
	for i, amount := range perSecond {
		samples[i] = sample{amount: 2 * amount, elapsed: 2 * time.Second}
	}
	return samples
}

func TestRatioIsThatOfTheMedians(t *testing.T) {
	t.Parallel()
	w := work{name: "append-1", unit: "events/s", target: target{ratio: 0.9}}

	r := newResult(w, rates(900, 10, 950), rates(1_000, 1_000, 90_000))

	assert.Equal(t, result{Name: "append-1", Unit: "events/s", Ours: 900, Limit: 1_000, Ratio: 0.9, Target: 0.9}, r)
	assert.True(t, r.ok(), "a target that is just reached")
	assert.False(t, newResult(w, rates(899), rates(1_000)).ok())
}

func TestTargetOfACostIsTheGreatestRatio(t *testing.T) {
	t.Parallel()
	w := work{name: "subscribers", unit: "ms/s", target: target{ratio: 1.25, atMost: true}}

	r := newResult(w, rates(125), rates(100))

	assert.Equal(t, result{Name: "subscribers", Unit: "ms/s", Ours: 125, Limit: 100, Ratio: 1.25, Target: 1.25, AtMost: true}, r)
	assert.True(t, r.ok(), "a target that is just reached")
	assert.False(t, newResult(w, rates(126), rates(100)).ok())
}

func TestLatenciesOfAllRoundsCountAlike(t *testing.T) {
	t.Parallel()
	w := work{name: "live", unit: "ms", target: target{p50: 2 * time.Millisecond, p99: 4 * time.Millisecond}}
	ours := []sample{
		{latencies: []time.Duration{4 * time.Millisecond}},
		{latencies: []time.Duration{2 * time.Millisecond, 1 * time.Millisecond}},
	}
	limit := []sample{{latencies: []time.Duration{time.Millisecond}}}

	r := newResult(w, ours, limit)

	assert.Equal(t, result{
		Name: "live", Unit: "ms", Ours: 2, Limit: 1, Ratio: 0.5, Target: 2, P50: 2, P99: 4, TargetP99: 4,
	}, r)
	assert.True(t, r.ok(), "a target that is just reached")

	ours[1].latencies = append(ours[1].latencies, 5*time.Millisecond)
	assert.False(t, newResult(w, ours, limit).ok(), "the 99th percentile is too high")
}

func TestWriteJSON(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "out", "latest.json")

	require.NoError(t, writeJSON(file, []result{
		{Name: "append-1", Unit: "events/s", Ours: 900, Limit: 1_000, Ratio: 0.9, Target: 0.9},
		{Name: "live", Unit: "ms", Ours: 2, Limit: 1, Ratio: 0.5, Target: 1, P50: 2, P99: 4, TargetP99: 5},
		{Name: "soak", Unit: "MB", Ours: 5, Limit: 4, Ratio: 1.25, Target: 2, AtMost: true},
	}))

	written, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.JSONEq(t, `[
		{"name": "append-1", "unit": "events/s", "ours": 900, "limit": 1000, "ratio": 0.9, "target": 0.9},
		{"name": "live", "unit": "ms", "ours": 2, "limit": 1, "ratio": 0.5, "target": 1,
			"p50_ms": 2, "p99_ms": 4, "target_p99_ms": 5},
		{"name": "soak", "unit": "MB", "ours": 5, "limit": 4, "ratio": 1.25, "target": 2, "target_at_most": true}
	]`, string(written))
}
