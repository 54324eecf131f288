package main

import (
	"github.com/pasttense/pasttense/bench/internal/findings"
	"github.com/pasttense/pasttense/bench/internal/trouble"
)

// report is what is counted while there is trouble, and found. It is safe for concurrent use.
type report struct {
	trouble.Counts
	findings *findings.Findings
}

// The kinds of findings.
const (
	lost      = "lost"      // what was to be done and was not
	doubled   = "doubled"   // what was done more than once
	reordered = "reordered" // what was done before what comes first
)

func newReport() *report { return &report{findings: newFindings()} }

func newFindings() *findings.Findings { return findings.New(lost, doubled, reordered) }
