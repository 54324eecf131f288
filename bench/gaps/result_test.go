package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var noon = time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)

func TestResultCountsWhatAReaderGotWrong(t *testing.T) {
	t.Parallel()
	r := newReader("r", nil)
	r.show(1, 5, 3, 5)
	got := r.result([]int64{1, 2, 3, 5, 6}, noon, noon)
	assert.Equal(t, result{name: "r", seen: 4, missed: 2, doubled: 1, outOfOrder: 1}, got)
}

func TestLongestSilenceWithinAStretch(t *testing.T) {
	t.Parallel()
	after := func(seconds ...int) []time.Time {
		var times []time.Time
		for _, s := range seconds {
			times = append(times, noon.Add(time.Duration(s)*time.Second))
		}
		return times
	}
	until := noon.Add(10 * time.Second)
	assert.Equal(t, 10*time.Second, longestSilence(nil, noon, until))
	assert.Equal(t, 10*time.Second, longestSilence(after(-5, 20), noon, until))
	assert.Equal(t, 6*time.Second, longestSilence(after(-5, 1, 4, 20), noon, until))
	assert.Equal(t, 5*time.Second, longestSilence(after(2, 7, 9), noon, until))
}
