package trial

import (
	"slices"
	"time"
)

// Sum returns the median and the greatest of some times, which are not none.
func Sum(times []time.Duration) (median, most time.Duration) {
	sorted := slices.Sorted(slices.Values(times))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[n-1]
}

// Round rounds a time as it is told.
func Round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
