package trouble

import (
	"maps"
	"slices"
	"sync"
)

// Counts is what is counted while there is trouble. It is safe for concurrent use.
type Counts struct {
	mu        sync.Mutex
	incidents [Kinds]int
	named     map[string]int
}

// Incident counts one of a kind.
func (c *Counts) Incident(k Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.incidents[k]++
}

// Incidents returns how many of a kind there were.
func (c *Counts) Incidents(k Kind) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.incidents[k]
}

// Add counts anything else, by its name.
func (c *Counts) Add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.named == nil {
		c.named = make(map[string]int)
	}
	c.named[name]++
}

// Tell calls line with each name that was counted, in their order, and how often it was.
func (c *Counts) Tell(line func(name string, value any)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(c.named)) {
		line(name, c.named[name])
	}
}
