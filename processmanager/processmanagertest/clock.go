package processmanagertest

import (
	"sync"
	"time"
)

// beginning is when time begins, unless the first event has a time.
var beginning = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// clock is one that stands still unless it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
	// recording is the time at which events are recorded just now, zero where that is now.
	recording time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// RecordedAt is the clock of a store.
func (c *clock) RecordedAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.recording.IsZero() {
		return c.recording
	}
	return c.now
}

// set moves the clock, back too.
func (c *clock) set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
}

// moveTo moves the clock to a time that has not passed.
func (c *clock) moveTo(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.After(c.now) {
		c.now = to
	}
}

// record makes a time that of the events that are recorded, until it is called with zero.
func (c *clock) record(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recording = at
}
