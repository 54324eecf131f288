// Package wait has the patience of the programs that make trouble.
package wait

import (
	"context"
	"time"
)

const (
	// Patience is how long something may take before it counts as stuck. It bridges the longest recovery of a server.
	Patience = 60 * time.Second

	// RetryPause is between attempts while the database is down, or backends are terminated. Were it shorter, the attempts
	// would slow the recovery.
	RetryPause = 50 * time.Millisecond
)

// For waits for d, and returns false when ctx ends first.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Insist calls do until it succeeds. It returns the last error when ctx ends, or when that has taken longer than Patience.
func Insist(ctx context.Context, do func() error) error {
	for deadline := time.Now().Add(Patience); ; {
		err := do()
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		For(ctx, RetryPause)
	}
}
