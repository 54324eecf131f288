package pgstore

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func at(positions ...eventstore.Position) []eventstore.RecordedEvent {
	events := make([]eventstore.RecordedEvent, len(positions))
	for i, position := range positions {
		events[i].Position = position
	}
	return events
}

func fromTo(first, last eventstore.Position) []eventstore.RecordedEvent {
	var events []eventstore.RecordedEvent
	for position := first; position <= last; position++ {
		events = append(events, eventstore.RecordedEvent{Position: position})
	}
	return events
}

func TestWindowKeepsWhatFollowsItsStart(t *testing.T) {
	t.Parallel()
	w := newWindow(10)
	_, _, ok := w.after(9)
	require.False(t, ok)
	events, through, ok := w.after(10)
	require.True(t, ok)
	assert.Empty(t, events)
	assert.EqualValues(t, 10, through)

	w.add(at(12, 15), 20)
	events, through, ok = w.after(10)
	require.True(t, ok)
	assert.Equal(t, at(12, 15), events)
	assert.EqualValues(t, 20, through)
	events, through, ok = w.after(12)
	require.True(t, ok)
	assert.Equal(t, at(15), events)
	assert.EqualValues(t, 20, through)

	w.add(nil, 18)
	events, through, _ = w.after(25) // a subscription may have seen more than the tail
	assert.Empty(t, events)
	assert.EqualValues(t, 25, through, "a position never goes back")
	_, through, _ = w.after(15)
	assert.EqualValues(t, 20, through, "the window never goes back")
}

func TestWindowForgetsByEventsAndByBytes(t *testing.T) {
	t.Parallel()
	const page = 1000
	for _, size := range []int{0, 1 << 10, 1 << 20} {
		w := newWindow(0)
		for n := range eventstore.Position(20) {
			events := fromTo(n*page+1, (n+1)*page)
			if size == 1<<20 {
				events = events[:8] // as many as a page would have
			}
			for i := range events {
				events[i].Data = make([]byte, size)
			}
			w.add(events, (n+1)*page)
			assert.LessOrEqual(t, w.bytes, maxWindowBytes)
			assert.LessOrEqual(t, len(w.segments), maxWindowSegments)
			assert.LessOrEqual(t, w.start, n*page, "the newest page is whole")
			assert.Equal(t, len(events), len(walk(t, &w, n*page))) //nolint:testifylint // Len prints them all
		}
		kept := 0
		for _, segment := range w.segments {
			kept += len(segment.events)
		}
		assert.Len(t, walk(t, &w, w.start), kept)
		_, _, ok := w.after(w.start - 1)
		assert.False(t, ok)
	}
}

// walk reads a window as a subscription does.
func walk(t *testing.T, w *window, position eventstore.Position) []eventstore.RecordedEvent {
	t.Helper()
	var all []eventstore.RecordedEvent
	for {
		events, through, ok := w.after(position)
		require.True(t, ok)
		if through == position {
			return all
		}
		assert.LessOrEqual(t, len(events), maxSegmentEvents)
		all, position = append(all, events...), through
	}
}

func TestWindowNeverChangesWhatItHasHandedOut(t *testing.T) {
	t.Parallel()
	w := newWindow(0)
	w.add(fromTo(1, 3), 3)
	handedOut, _, _ := w.after(0)
	w.add(fromTo(4, 5000), 5000)
	assert.Equal(t, fromTo(1, 3), handedOut)
	_ = append(handedOut, eventstore.RecordedEvent{}) // as a subscriber might do
	assert.Equal(t, fromTo(4873, 5000), walk(t, &w, 4872))
}

func TestSelectedSharesWhatIsContiguous(t *testing.T) {
	t.Parallel()
	events := fromTo(1, 10)
	for i := range events {
		events[i].Stream.Category, events[i].Type = "order", fmt.Sprint(i%5)
	}
	all := selected(events, eventstore.Filter{})
	assert.Same(t, &events[0], &all[0])
	assert.Equal(t, events, all)
	assert.Equal(t, at(2, 7), positionsOnly(selected(events, eventstore.Filter{Types: []string{"1"}})))
	assert.Nil(t, selected(events, eventstore.Filter{Types: []string{"none"}}))
	assert.Equal(t, fromTo(1, 10), positionsOnly(events), "the window's own are as they were")
}

func positionsOnly(events []eventstore.RecordedEvent) []eventstore.RecordedEvent {
	var positions []eventstore.Position
	for _, event := range events {
		positions = append(positions, event.Position)
	}
	return at(positions...)
}

// A selection covers a filter exactly when it selects all that the filter can.
func TestSelectionCoversItsFilters(t *testing.T) {
	t.Parallel()
	for range 2000 {
		var interests interests
		var filters []eventstore.Filter
		for range rand.IntN(4) {
			filter := randomFilter()
			filters = append(filters, filter)
			interests.add(filter, 1)
		}
		gone := randomFilter()
		interests.add(gone, 1)
		interests.add(gone, -1)
		selection := interests.selection()
		for _, filter := range filters {
			require.True(t, selection.covers(filter), "%+v of %+v", selection, filter)
		}
		if other := randomFilter(); selection.covers(other) {
			requireUnion(t, selection, filters, other)
		}
	}
}

// requireUnion fails when a selection claims to cover a filter of which it does not select everything.
func requireUnion(t *testing.T, selection selection, filters []eventstore.Filter, other eventstore.Filter) {
	t.Helper()
	require.NotEmpty(t, filters)
	for _, category := range someCategories {
		for _, eventType := range someTypes {
			if other.Matches(category, eventType) {
				one := eventstore.Filter{Categories: []string{category}, Types: []string{eventType}}
				require.True(t, selection.covers(one), "%+v covers %+v", selection, other)
			}
		}
	}
}

var (
	someCategories = []string{"a", "b", "$a", "$b"}
	someTypes      = []string{"x", "y", "z"}
)

func randomFilter() eventstore.Filter {
	return eventstore.Filter{Categories: some(someCategories), Types: some(someTypes)}
}

func some(names []string) []string {
	var chosen []string
	for range rand.IntN(3) {
		chosen = append(chosen, names[rand.IntN(len(names))])
	}
	return chosen
}
