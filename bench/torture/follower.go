package main

import (
	"fmt"
	"iter"

	"github.com/pasttense/pasttense/bench/internal/findings"
)

// follower compares what a subscriber has seen, in its order, with what the table has of it, by position.
type follower struct {
	name string
	next func() (sighting, error, bool)
	stop func()

	peeked  *sighting
	lastRow int64              // of the table
	missing map[int64]struct{} // passed over so far
	found   *findings.Findings
	seen    int
}

func newFollower(name string, seen iter.Seq2[sighting, error], found *findings.Findings) *follower {
	next, stop := iter.Pull2(seen)
	return &follower{name: name, next: next, stop: stop, missing: make(map[int64]struct{}), found: found}
}

// row tells of the table's next row that the subscriber selects.
func (f *follower) row(want sighting) error {
	for {
		got, err := f.peek()
		switch {
		case err != nil:
			return err
		case got == nil || got.Position > want.Position:
			f.missing[want.Position] = struct{}{}
			f.lastRow = want.Position
			return nil
		case got.Position < want.Position:
			f.peeked = nil
			f.outOfPlace(*got)
			continue
		}
		f.peeked = nil
		f.lastRow = want.Position
		if got.Digest != want.Digest {
			f.found.Note(lost, 1, "subscriber %q saw another event at position %d than is there", f.name, got.Position)
		}
		return nil
	}
}

// finish tells that the table has no more.
func (f *follower) finish() error {
	defer f.stop()
	for {
		got, err := f.peek()
		if err != nil {
			return err
		}
		if got == nil {
			break
		}
		f.peeked = nil
		f.outOfPlace(*got)
	}
	for position := range f.missing {
		f.found.Note(missed, 1, "subscriber %q missed position %d", f.name, position)
	}
	return nil
}

// outOfPlace judges a sighting that is not at the place of the next row.
func (f *follower) outOfPlace(got sighting) {
	_, late := f.missing[got.Position]
	switch {
	case late:
		delete(f.missing, got.Position)
		f.found.Note(reordered, 1, "subscriber %q saw position %d after a higher one", f.name, got.Position)
	case got.Position > f.lastRow:
		f.found.Note(lost, 1, "subscriber %q saw position %d, which is not in the table", f.name, got.Position)
	default:
		f.found.Note(doubled, 1, "subscriber %q saw position %d again", f.name, got.Position)
	}
}

func (f *follower) peek() (*sighting, error) {
	if f.peeked != nil {
		return f.peeked, nil
	}
	got, err, ok := f.next()
	if err != nil {
		return nil, fmt.Errorf("read what subscriber %q saw: %w", f.name, err)
	}
	if !ok {
		return nil, nil
	}
	f.seen++
	f.peeked = &got
	return f.peeked, nil
}
