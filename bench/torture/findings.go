package main

import "fmt"

// keptDetails is how many findings of a kind are told in full.
const keptDetails = 5

// findings are what the torture has found to be wrong.
type findings struct {
	missed    finding // not shown to a subscriber that selects it
	doubled   finding // shown twice to a subscriber, or twice in the table
	reordered finding // shown out of order, or out of order in the table
	lost      finding // acknowledged or shown, and not there, or not as it was told
	other     finding // any other guarantee that was broken
}

type finding struct {
	count   int
	details []string
}

func (f *finding) add(format string, args ...any) {
	f.count++
	if len(f.details) < keptDetails {
		f.details = append(f.details, fmt.Sprintf(format, args...))
	}
}

func (f *findings) miss(format string, args ...any)    { f.missed.add(format, args...) }
func (f *findings) double(format string, args ...any)  { f.doubled.add(format, args...) }
func (f *findings) reorder(format string, args ...any) { f.reordered.add(format, args...) }
func (f *findings) lose(format string, args ...any)    { f.lost.add(format, args...) }
func (f *findings) object(format string, args ...any)  { f.other.add(format, args...) }

// none reports whether all is well.
func (f *findings) none() bool {
	return f.missed.count+f.doubled.count+f.reordered.count+f.lost.count+f.other.count == 0
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
		{"lost", f.lost},
		{"wrong", f.other},
	} {
		for _, detail := range kind.finding.details {
			details = append(details, kind.name+": "+detail)
		}
		if more := kind.finding.count - len(kind.finding.details); more > 0 {
			details = append(details, fmt.Sprintf("%s: and %d more", kind.name, more))
		}
	}
	return details
}

// verdict is the last line that the program prints.
func (f *findings) verdict() string {
	return fmt.Sprintf("missed %d, doubled %d, reordered %d, lost %d",
		f.missed.count, f.doubled.count, f.reordered.count, f.lost.count)
}
