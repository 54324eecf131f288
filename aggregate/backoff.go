package aggregate

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstBackOff = time.Millisecond
	// maxDoublings makes the longest delay 64 ms: long enough for a crowd on one stream to spread out.
	maxDoublings = 6
)

// backOff waits after an attempt, counted from 1, for a random time whose limit doubles with each. It returns the
// context's error when that ends first.
func backOff(ctx context.Context, attempt int) error {
	limit := firstBackOff << min(attempt-1, maxDoublings)
	timer := time.NewTimer(rand.N(limit))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
