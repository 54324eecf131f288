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
	counts    map[string]int // of anything else
	findings  *findings.Findings
}

// The kinds of findings.
const (
	lost      = "lost"      // what was to be done and was not
	doubled   = "doubled"   // what was done more than once
	reordered = "reordered" // what was done before what comes first
)

func newReport() *report { return &report{counts: make(map[string]int), findings: newFindings()} }

func newFindings() *findings.Findings { return findings.New(lost, doubled, reordered) }

func (r *report) count(k trouble.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.incidents[k]++
}

func (r *report) tally(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[name]++
}
