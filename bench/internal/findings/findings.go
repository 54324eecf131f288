// Package findings keeps what a torture program has found to be wrong.
package findings

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// keptDetails is how many findings of a kind are told in full.
const keptDetails = 5

// Other is the kind of any other guarantee that was broken than those that a program counts.
const Other = "wrong"

// Findings are what is wrong, by kinds. They are safe for concurrent use.
type Findings struct {
	mu    sync.Mutex
	kinds []*kind // the last one is Other
}

type kind struct {
	name    string
	count   int
	details []string
	untold  int // details that were not kept
}

// New returns findings of the kinds that are named, and of Other, of which there are none yet.
func New(kinds ...string) *Findings {
	f := &Findings{}
	for _, name := range append(kinds, Other) {
		f.kinds = append(f.kinds, &kind{name: name})
	}
	return f
}

// Note takes down a finding that stands for so many. It panics when the kind is neither Other nor one that was named to New.
func (f *Findings) Note(kind string, count int, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.kind(kind)
	k.count += count
	if len(k.details) == keptDetails {
		k.untold++
		return
	}
	k.details = append(k.details, fmt.Sprintf(format, args...))
}

// Object takes down one of the kind Other.
func (f *Findings) Object(format string, args ...any) { f.Note(Other, 1, format, args...) }

// Count returns how many findings of a kind there are.
func (f *Findings) Count(kind string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kind(kind).count
}

// None reports whether all is well.
func (f *Findings) None() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range f.kinds {
		if k.count > 0 {
			return false
		}
	}
	return true
}

// Details returns the first findings of each kind.
func (f *Findings) Details() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var details []string
	for _, k := range f.kinds {
		for _, detail := range k.details {
			details = append(details, k.name+": "+detail)
		}
		if k.untold > 0 {
			details = append(details, fmt.Sprintf("%s: and %d more", k.name, k.untold))
		}
	}
	return details
}

// Tell writes the details to progress, and to out the verdict with what is to be remarked after it, as the last line.
func (f *Findings) Tell(out, progress io.Writer, remark string) {
	for _, detail := range f.Details() {
		fmt.Fprintln(progress, detail)
	}
	if others := f.Count(Other); others > 0 {
		fmt.Fprintf(out, "other guarantees broken %d\n", others)
	}
	fmt.Fprintf(out, "%s%s\n", f, remark)
}

// String returns the verdict: how many there are of each kind that was named to New.
func (f *Findings) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var counts []string
	for _, k := range f.kinds[:len(f.kinds)-1] {
		counts = append(counts, fmt.Sprintf("%s %d", k.name, k.count))
	}
	return strings.Join(counts, ", ")
}

func (f *Findings) kind(name string) *kind {
	for _, k := range f.kinds {
		if k.name == name {
			return k
		}
	}
	panic("no such kind of findings: " + name)
}
