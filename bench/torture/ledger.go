package main

import (
	"cmp"
	"iter"
	"slices"

	"github.com/pasttense/pasttense/bench/internal/findings"
)

// ledger is what the writers were told, against which the rows of the table are held.
type ledger struct {
	entries []entry // by tag
	killed  int     // processes of an incarnation from 1 to this were killed, and have not told everything
	told    map[tag]int64
	found   *findings.Findings
}

type entry struct {
	record
	seen int32 // rows
}

// row is what the table has of an event.
type row struct {
	tag      tag
	stream   streamNumber
	version  int64
	position int64
}

func newLedger(records iter.Seq2[record, error], killed int, found *findings.Findings) (*ledger, error) {
	l := &ledger{killed: killed, told: make(map[tag]int64), found: found}
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		l.entries = append(l.entries, entry{record: r})
	}
	slices.SortFunc(l.entries, func(a, b entry) int { return cmp.Compare(a.Tag, b.Tag) })
	return l, nil
}

// row judges a row of the table.
func (l *ledger) row(r row) {
	e := l.find(r.tag)
	if e == nil {
		l.untold(r)
		return
	}
	e.seen++
	index := int64(r.tag - e.Tag)
	switch {
	case e.Outcome == refused:
		l.found.Object("event %d at position %d is there, and its append was refused", r.tag, r.position)
		return
	case e.Stream != r.stream:
		l.found.Object("event %d at position %d is in stream %s, and was appended to %s",
			r.tag, r.position, r.stream.id(), e.Stream.id())
		return
	case e.Version == 0: // the first row of an append of unknown outcome tells what the others must be
		e.Version = r.version - index + int64(e.Count) - 1
	}
	want := e.Version - int64(e.Count) + 1 + index
	last := index == int64(e.Count)-1
	switch {
	case e.seen > e.Count:
		l.found.Note(doubled, 1, "event %d is in stream %s at version %d, and should be at %d only",
			r.tag, r.stream.id(), r.version, want)
	case r.version == want && last && e.Outcome == acknowledged && r.position != e.Position:
		l.found.Note(lost, 1, "event %d is at position %d, and was acknowledged at %d", r.tag, r.position, e.Position)
	case r.version != want:
		l.found.Note(lost, 1, "event %d is at version %d of stream %s, and should be at %d",
			r.tag, r.version, r.stream.id(), want)
	}
}

// untold judges a row of an append that nobody has reported: its process was killed before it could.
func (l *ledger) untold(r row) {
	if incarnation := r.tag.incarnation(); incarnation < 1 || incarnation > l.killed {
		l.found.Object("event %d at position %d was appended by nobody", r.tag, r.position)
		return
	}
	if first, twice := l.told[r.tag]; twice {
		l.found.Note(doubled, 1, "event %d is at position %d and at %d", r.tag, first, r.position)
	}
	l.told[r.tag] = r.position
}

// finish tells that the table has no more rows.
func (l *ledger) finish() {
	present := make(map[int64]bool) // appends of unknown outcome
	for i, e := range l.entries {
		if next := i + 1; next < len(l.entries) && e.Tag+tag(e.Count) > l.entries[next].Tag {
			l.found.Object("append %d was reported twice", e.Tag.append())
		}
		switch {
		case e.Outcome == acknowledged && e.seen < e.Count:
			for range e.Count - e.seen {
				l.found.Note(lost, 1, "an event of append %d to stream %s, up to version %d at position %d, is not there",
					e.Tag.append(), e.Stream.id(), e.Version, e.Position)
			}
		case e.Outcome != unknown:
		case e.seen != 0 && e.seen < e.Count:
			l.found.Object("append %d: %d of %d events are there", e.Tag.append(), e.seen, e.Count)
		default:
			if before, known := present[e.Tag.append()]; known && before != (e.seen > 0) {
				l.found.Object("append %d: only some of its streams were written", e.Tag.append())
			}
			present[e.Tag.append()] = e.seen > 0
		}
	}
}

// find returns the entry of an event's write, and nil when there is none.
func (l *ledger) find(t tag) *entry {
	i, found := slices.BinarySearchFunc(l.entries, t, func(e entry, t tag) int { return cmp.Compare(e.Tag, t) })
	if !found {
		i--
	}
	if i < 0 || t >= l.entries[i].Tag+tag(l.entries[i].Count) {
		return nil
	}
	return &l.entries[i]
}
