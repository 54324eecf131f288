package main

import (
	"errors"
	"maps"
	"sync"

	"github.com/pasttense/pasttense/bench/internal/findings"
)

// collector takes in what all processes report.
type collector struct {
	mu        sync.Mutex
	counts    map[string]int
	events    map[outcome]int
	ledger    *spool[record]
	followers []*followed
	findings  *findings.Findings
	err       error // of writing a spool
}

// The kinds of findings.
const (
	missed    = "missed"    // not shown to a subscriber that selects it
	doubled   = "doubled"   // shown twice to a subscriber, or twice in the table
	reordered = "reordered" // shown out of order, or out of order in the table
	lost      = "lost"      // acknowledged or shown, and not there, or not as it was told
)

func newFindings() *findings.Findings { return findings.New(missed, doubled, reordered, lost) }

// followed is what a subscriber has seen.
type followed struct {
	subscription
	seen *spool[sighting]
}

func newCollector(directory string, subscribers []subscription) (*collector, error) {
	c := &collector{counts: make(map[string]int), events: make(map[outcome]int), findings: newFindings()}
	var err error
	if c.ledger, err = newSpool[record](directory); err != nil {
		return nil, err
	}
	for _, s := range subscribers {
		seen, err := newSpool[sighting](directory)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.followers = append(c.followers, &followed{s, seen})
	}
	return c, nil
}

// add is a [reporter].
func (c *collector) add(r report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range r.Counts {
		c.counts[name]++
	}
	for _, record := range r.Records {
		c.events[record.Outcome] += int(record.Count)
	}
	if r.Wrong != "" {
		c.findings.Object("%s", r.Wrong)
	}
	err := c.ledger.add(r.Records...)
	if r.Batch != nil {
		f := c.followers[r.Batch.Subscriber]
		f.Through = r.Batch.Through
		err = errors.Join(err, f.seen.add(r.Batch.Seen...))
	}
	if c.err == nil {
		c.err = err
	}
}

// subscriptions returns those from an index on, as far as they have come.
func (c *collector) subscriptions(from int) []subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	var subscriptions []subscription
	for _, f := range c.followers[from:] {
		subscriptions = append(subscriptions, f.subscription)
	}
	return subscriptions
}

// behind returns the names of the subscribers that have not yet come to a position.
func (c *collector) behind(position int64) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, f := range c.followers {
		if f.Through < position {
			names = append(names, f.Name)
		}
	}
	return names
}

// totals returns what was counted so far.
func (c *collector) totals() (counts map[string]int, events map[outcome]int, wrong int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts), maps.Clone(c.events), c.findings.Count(findings.Other)
}

func (c *collector) close() error {
	errs := []error{c.ledger.close()}
	for _, f := range c.followers {
		errs = append(errs, f.seen.close())
	}
	return errors.Join(errs...)
}
