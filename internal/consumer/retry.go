package consumer

import (
	"context"
	"math/rand/v2"
	"time"
)

// Defaults of [Retry]. An event that goes on failing is tried for three to six seconds.
const (
	DefaultAttempts   = 7
	DefaultMinBackoff = 100 * time.Millisecond
	DefaultMaxBackoff = 10 * time.Second
)

// Retry says how often and how soon something that fails is tried again.
type Retry struct {
	// Attempts is how often an event is tried by itself before its consumer is paused; 0 is DefaultAttempts.
	Attempts int
	// MinBackoff is the greatest delay before the second attempt; 0 is DefaultMinBackoff. It doubles with each one.
	MinBackoff time.Duration
	// MaxBackoff is the greatest delay of all; 0 is DefaultMaxBackoff.
	MaxBackoff time.Duration
}

// WithDefaults returns r with its zero and negative fields set to their defaults.
func (r Retry) WithDefaults() Retry {
	if r.Attempts <= 0 {
		r.Attempts = DefaultAttempts
	}
	if r.MinBackoff <= 0 {
		r.MinBackoff = DefaultMinBackoff
	}
	if r.MaxBackoff <= 0 {
		r.MaxBackoff = DefaultMaxBackoff
	}
	r.MaxBackoff = max(r.MaxBackoff, r.MinBackoff)
	return r
}

// Delay returns how long to wait after a number of failures in a row, from 1. It is random between half and all of the
// backoff, so that processes that failed together do not come back together.
func (r Retry) Delay(failures int) time.Duration {
	backoff := r.MinBackoff
	for range failures - 1 {
		if backoff >= r.MaxBackoff/2 {
			backoff = r.MaxBackoff
			break
		}
		backoff *= 2
	}
	return backoff/2 + rand.N(backoff/2+1)
}

// Wait returns nil after a delay, or the error of ctx as soon as it ends.
func Wait(ctx context.Context, delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
