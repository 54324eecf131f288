package pgstore

import (
	"slices"
	"sort"

	"github.com/pasttense/pasttense/eventstore"
)

// A window holds at most so many segments and bytes, and always the newest page whole. A segment is what a subscription
// is handed at a time, and so what a slow one keeps in memory after the window has moved on.
const (
	maxWindowSegments = 32
	maxWindowBytes    = 16 << 20
	maxSegmentEvents  = 128
	maxSegmentBytes   = 256 << 10
)

// window holds the latest events of the store: all after its start and up to where it has looked that the tail selects.
// Who has an event keeps it: the window forgets, but never changes what it has handed out.
type window struct {
	start, through eventstore.Position
	segments       []segment // none of them empty
	bytes          int
}

// segment is some events that follow one another. Events are added behind those that were handed out, never moved.
type segment struct {
	events []eventstore.RecordedEvent
	bytes  int
}

func newWindow(position eventstore.Position) window {
	return window{start: position, through: position}
}

// add takes in what a look has brought, and forgets the oldest events beyond the window's size.
func (w *window) add(events []eventstore.RecordedEvent, through eventstore.Position) {
	newest := len(w.segments) // the segment that these events begin in
	if newest > 0 && !w.segments[newest-1].isFull() {
		newest--
	}
	for _, event := range events {
		w.push(event)
	}
	w.through = max(w.through, through)
	forgotten := 0
	for forgotten < newest && (len(w.segments)-forgotten > maxWindowSegments || w.bytes > maxWindowBytes) {
		oldest := w.segments[forgotten]
		w.bytes -= oldest.bytes
		w.start = oldest.last()
		forgotten++
	}
	w.segments = slices.Delete(w.segments, 0, forgotten)
}

func (w *window) push(event eventstore.RecordedEvent) {
	if n := len(w.segments); n == 0 || w.segments[n-1].isFull() {
		w.segments = append(w.segments, segment{})
	}
	size := memorySize(event)
	last := &w.segments[len(w.segments)-1]
	last.events = append(last.events, event)
	last.bytes += size
	w.bytes += size
}

// after returns the events that follow a position, as many as one segment has, and up to where the window has then been
// read. It returns false when the window has forgotten what follows.
func (w *window) after(position eventstore.Position) ([]eventstore.RecordedEvent, eventstore.Position, bool) {
	if position < w.start {
		return nil, 0, false
	}
	i := sort.Search(len(w.segments), func(i int) bool { return w.segments[i].last() > position })
	if i == len(w.segments) {
		return nil, max(position, w.through), true
	}
	events := w.segments[i].events
	first := sort.Search(len(events), func(i int) bool { return events[i].Position > position })
	through := events[len(events)-1].Position
	if i == len(w.segments)-1 {
		through = w.through
	}
	return slices.Clip(events[first:]), through, true
}

func (s segment) isFull() bool {
	return len(s.events) >= maxSegmentEvents || s.bytes >= maxSegmentBytes
}

func (s segment) last() eventstore.Position { return s.events[len(s.events)-1].Position }

// memorySize is about what an event takes beside its struct.
func memorySize(event eventstore.RecordedEvent) int {
	size := len(event.Data)
	for key, value := range event.Metadata.Values {
		size += len(key) + len(value)
	}
	return size
}

// selected returns the events that a filter selects. Where those follow one another they are not copied, so that a
// thousand subscriptions share them.
func selected(events []eventstore.RecordedEvent, filter eventstore.Filter) []eventstore.RecordedEvent {
	matches := func(event eventstore.RecordedEvent) bool { return filter.Matches(event.Stream.Category, event.Type) }
	first := slices.IndexFunc(events, matches)
	if first < 0 {
		return nil
	}
	events = events[first:]
	run := 1
	for run < len(events) && matches(events[run]) {
		run++
	}
	found := slices.Clip(events[:run])
	for _, event := range events[run:] {
		if matches(event) {
			found = append(found, event)
		}
	}
	return found
}
