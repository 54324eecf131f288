package main

import (
	"sync"

	"github.com/pasttense/pasttense/bench/internal/findings"
	"github.com/pasttense/pasttense/bench/internal/trouble"
)

// report is what is counted while there is trouble, and found. It is safe for concurrent use.
type report struct {
	trouble.Counts
	findings *findings.Findings

	mu        sync.Mutex
	takeovers []takeover
	notTaken  int // stops that ended before the takeover
}

// The kinds of findings.
const (
	missed    = "missed"    // appended and not applied
	doubled   = "doubled"   // applied more than once
	reordered = "reordered" // applied after a later event of its stream
)

func newReport() *report { return &report{findings: newFindings()} }

func newFindings() *findings.Findings { return findings.New(missed, doubled, reordered) }

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
