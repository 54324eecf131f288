package main

import (
	"fmt"
	"sync"
)

// keptDetails is how many findings of a kind are told in full.
const keptDetails = 5

// findings are what is wrong. They are safe for concurrent use.
type findings struct {
	mu        sync.Mutex
	missed    finding // appended and not applied
	doubled   finding // applied more than once
	reordered finding // applied after a later event of its stream
	other     finding // any other guarantee that was broken
}

type finding struct {
	count   int
	details []string
}

func (f *findings) note(kind *finding, count int, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind.count += count
	if len(kind.details) < keptDetails {
		kind.details = append(kind.details, fmt.Sprintf(format, args...))
	}
}

func (f *findings) object(format string, args ...any) { f.note(&f.other, 1, format, args...) }

// none reports whether all is well.
func (f *findings) none() bool {
	return f.missed.count+f.doubled.count+f.reordered.count+f.other.count == 0
}

// details returns the first findings of each kind.
func (f *findings) details() []string {
	var details []string
	for _, kind := range []struct {
		name    string
		finding finding
	}{
		{"missed", f.missed},
		{"doubled", f.doubled},
		{"reordered", f.reordered},
		{"wrong", f.other},
	} {
		for _, detail := range kind.finding.details {
			details = append(details, kind.name+": "+detail)
		}
	}
	return details
}

// verdict is the last line that the program prints.
func (f *findings) verdict() string {
	return fmt.Sprintf("missed %d, doubled %d, reordered %d", f.missed.count, f.doubled.count, f.reordered.count)
}
