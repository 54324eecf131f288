package main

import (
	"sync"

	"github.com/pasttense/pasttense/bench/internal/findings"
	"github.com/pasttense/pasttense/bench/internal/trouble"
)

// report is what is counted while there is trouble. It is safe for concurrent use.
type report struct {
	mu        sync.Mutex
	incidents [trouble.Kinds]int
	takeovers []takeover
	notTaken  int            // stops that ended before the takeover
	counts    map[string]int // of anything else
	findings  *findings.Findings
}

// The kinds of findings.
const (
	missed    = "missed"    // appended and not applied
	doubled   = "doubled"   // applied more than once
	reordered = "reordered" // applied after a later event of its stream
)

func newReport() *report { return &report{counts: make(map[string]int), findings: newFindings()} }

func newFindings() *findings.Findings { return findings.New(missed, doubled, reordered) }

func (r *report) count(k trouble.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.incidents[k]++
}

func (r *report) add(t takeover) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takeovers = append(r.takeovers, t)
}

func (r *report) untaken() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notTaken++
}

func (r *report) tally(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[name]++
}
