package aggregate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/eventstore"
)

// eventsOf returns the events of a stream after a version, up to and including another.
func eventsOf(after, through eventstore.Version) (events []eventstore.RecordedEvent) {
	for version := after + 1; version <= through; version++ {
		events = append(events, eventstore.RecordedEvent{Version: version, Position: eventstore.Position(version)})
	}
	return events
}

func versionsIn(events []eventstore.RecordedEvent) (versions []int) {
	for _, event := range events {
		versions = append(versions, int(event.Version))
	}
	return versions
}

func TestASnapshotTakesThePlaceOfCachedEvents(t *testing.T) {
	for _, c := range []struct {
		snapshot eventstore.Version
		events   []int
		version  eventstore.Version
	}{
		{3, []int{6, 7, 8}, 8}, // older than the one that is there
		{5, []int{6, 7, 8}, 8},
		{7, []int{8}, 8},
		{8, nil, 8},
		{9, nil, 9},
	} {
		t.Run(fmt.Sprint(c.snapshot), func(t *testing.T) {
			cache := newCache(1 << 20)
			cache.learn("1", startAt(eventstore.Snapshot{Version: 5, Position: 5}), eventsOf(5, 8))
			cache.rebase("1", eventstore.Snapshot{Version: c.snapshot, Position: eventstore.Position(c.snapshot)})
			known, found := cache.get("1")
			assert.True(t, found)
			assert.Equal(t, c.version, known.version)
			assert.EqualValues(t, c.version, known.position)
			assert.Equal(t, max(c.snapshot, 5), known.snapshot.Version)
			assert.Equal(t, c.events, versionsIn(known.events))
		})
	}
}

// What was read once may be told late. It must not come after what it does not follow.
func TestTheCacheHasNoGaps(t *testing.T) {
	cache := newCache(1 << 20)
	cache.learn("1", start{}, eventsOf(0, 3))
	known, _ := cache.get("1")

	cache.follow("1", 5, eventsOf(5, 6))
	cache.follow("1", 2, eventsOf(2, 6))
	cache.follow("unknown", 5, eventsOf(5, 6))
	cache.learn("1", start{version: 1, events: eventsOf(0, 1)}, eventsOf(1, 2))
	now, _ := cache.get("1")
	assert.Equal(t, []int{1, 2, 3}, versionsIn(now.events))
	_, found := cache.get("unknown")
	assert.False(t, found)

	cache.follow("1", 3, eventsOf(3, 4))
	cache.learn("1", now, eventsOf(3, 5))
	now, _ = cache.get("1")
	assert.Equal(t, []int{1, 2, 3, 4}, versionsIn(now.events), "more than from was known already")
	cache.learn("1", start{version: 7, events: eventsOf(0, 7)}, eventsOf(7, 8))
	now, _ = cache.get("1")
	assert.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, 8}, versionsIn(now.events))
	assert.Equal(t, []int{1, 2, 3}, versionsIn(known.events), "who has got it does not see more")
}

func TestWhatWasUsedLastStaysInTheCache(t *testing.T) {
	size := streamOverhead + 1 + eventOverhead
	cache := newCache(4 * size)
	for key := range 4 {
		cache.learn(fmt.Sprint(key), start{}, eventsOf(0, 1))
	}
	cache.get("0")
	cache.learn("4", start{}, eventsOf(0, 1))
	for key, want := range []bool{true, false, true, true, true} {
		_, found := cache.get(fmt.Sprint(key))
		assert.Equal(t, want, found, key)
	}
	assert.Equal(t, 4*size, cache.size)
	for key := range 5 {
		cache.drop(fmt.Sprint(key))
	}
	assert.Zero(t, cache.size)
	assert.Empty(t, cache.entries)
}

// Two have read on from the same start, while the cache had nothing of the stream.
func TestCachedEventsAreNotWrittenOver(t *testing.T) {
	from := start{version: 2, events: append(make([]eventstore.RecordedEvent, 0, 10), eventsOf(0, 2)...)}
	cache := newCache(1 << 20)
	cache.learn("1", from, eventsOf(2, 3))
	first, _ := cache.get("1")
	cache.drop("1")
	cache.learn("1", from, []eventstore.RecordedEvent{{Version: 3, Type: "other"}})
	assert.Equal(t, eventsOf(0, 3), first.events)
}

// What is read is kept in memory until the end of the stream is reached, which may be far away.
func TestOfALargeStreamNotMuchIsCollected(t *testing.T) {
	for name, event := range map[string]eventstore.RecordedEvent{
		"many events":    {},
		"large data":     {Data: make([]byte, 10_000)},
		"large metadata": {Metadata: eventstore.Metadata{Values: map[string]string{"name": strings.Repeat("a", 10_000)}}},
	} {
		t.Run(name, func(t *testing.T) {
			cache := newCache(4 * 100_000)
			var read fresh
			for version := range eventstore.Version(1000) {
				event.Version = version + 1
				cache.collect(&read, event)
			}
			assert.Greater(t, read.size, cache.largest())
			assert.LessOrEqual(t, read.size, cache.largest()+sizeOf(&event))
			cache.learn("1", start{}, read.events)
			_, found := cache.get("1")
			assert.False(t, found)
			assert.Zero(t, cache.size)
		})
	}
}
