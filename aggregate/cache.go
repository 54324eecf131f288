package aggregate

import (
	"container/list"
	"slices"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
)

// What an event and a stream take in the cache beside their data, about.
const (
	eventOverhead  = 400
	streamOverhead = 400
)

// sizeOf is about what an event takes in the cache.
func sizeOf(event *eventstore.RecordedEvent) int {
	why := &event.Metadata
	size := eventOverhead + len(event.Data) +
		len(why.CorrelationID) + len(why.CausationID) + len(why.Actor) + len(why.TraceParent)
	for name, value := range why.Values {
		size += eventOverhead/4 + len(name) + len(value)
	}
	return size
}

// cache keeps what folds of recently used streams start from. States are not in it, they would share memory. What it has of
// a stream the store has had, but the store may have more by now. The methods of a nil cache do nothing.
type cache struct {
	limit int // in bytes

	mu      sync.Mutex
	size    int
	entries map[string]*list.Element // by key
	used    list.List                // of *entry; the one that was used last is at the front
}

type entry struct {
	key   string
	start start
	size  int
}

// newCache returns nil where there is to be none.
func newCache(limit int) *cache {
	if limit <= 0 {
		return nil
	}
	return &cache{limit: limit, entries: make(map[string]*list.Element)}
}

// get returns what is known of a stream. It is shared.
func (c *cache) get(key string) (start, bool) {
	if c == nil {
		return start{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	element, found := c.entries[key]
	if !found {
		return start{}, false
	}
	c.used.MoveToFront(element)
	return element.Value.(*entry).start, true
}

// learn is told events that the store had right after a start. Where more is known already, it does nothing.
func (c *cache) learn(key string, from start, events []eventstore.RecordedEvent) {
	if c == nil || from.version == 0 && len(events) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	element, found := c.entries[key]
	switch known := c.version(element); {
	case !found || known < from.version:
		from.events = slices.Clip(from.events) // others may have it too
		c.set(key, from)
		c.extend(key, events)
	case known == from.version:
		c.extend(key, events)
	}
	c.evict(key)
}

// fresh is what a fold reads that is to be learned.
type fresh struct {
	events []eventstore.RecordedEvent
	size   int
}

// collect adds an event to what is to be learned. Of a stream that is too large it leaves out the end.
func (c *cache) collect(read *fresh, next eventstore.RecordedEvent) {
	if c == nil || read.size > c.largest() {
		return
	}
	read.events = append(read.events, next)
	read.size += sizeOf(&next)
}

// largest is how much of the cache a stream may take.
func (c *cache) largest() int { return c.limit / 4 }

// follow is told events that the repository has appended after a version. It is of use where all before them are known.
func (c *cache) follow(key string, after eventstore.Version, events []eventstore.RecordedEvent) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	element, found := c.entries[key]
	if !found && after == 0 {
		c.set(key, start{})
		element = c.entries[key]
	}
	if element == nil || c.version(element) != after {
		return
	}
	c.extend(key, events)
	c.evict(key)
}

// rebase puts a snapshot in the place of the events that are in it.
func (c *cache) rebase(key string, snapshot eventstore.Snapshot) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var later []eventstore.RecordedEvent
	if element, found := c.entries[key]; found {
		known := element.Value.(*entry).start
		n := int(max(0, known.version-snapshot.Version))
		if n > len(known.events) {
			return // it is newer all through
		}
		later = known.events[len(known.events)-n:]
	}
	c.set(key, startAt(snapshot))
	c.extend(key, later)
	c.evict(key)
}

// drop forgets a stream.
func (c *cache) drop(key string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, found := c.entries[key]; found {
		c.remove(element)
	}
}

func (c *cache) version(element *list.Element) eventstore.Version {
	if element == nil {
		return 0
	}
	return element.Value.(*entry).start.version
}

func (c *cache) set(key string, from start) {
	if element, found := c.entries[key]; found {
		c.remove(element)
	}
	size := streamOverhead + len(key)
	if from.snapshot != nil {
		size += len(from.snapshot.Data)
	}
	for i := range from.events {
		size += sizeOf(&from.events[i])
	}
	c.entries[key] = c.used.PushFront(&entry{key: key, start: from, size: size})
	c.size += size
}

// extend adds events to an entry. Who has got the entry does not see them: its slice ends before.
func (c *cache) extend(key string, events []eventstore.RecordedEvent) {
	if len(events) == 0 {
		return
	}
	known := c.entries[key].Value.(*entry)
	known.start.events = append(known.start.events, events...)
	last := events[len(events)-1]
	known.start.version, known.start.position, known.start.id = last.Version, last.Position, last.ID
	added := 0
	for i := range events {
		added += sizeOf(&events[i])
	}
	known.size += added
	c.size += added
}

// evict makes room. A stream that has grown large goes rather than all others.
func (c *cache) evict(key string) {
	if element, found := c.entries[key]; found && element.Value.(*entry).size > c.largest() {
		c.remove(element)
	}
	for c.size > c.limit {
		c.remove(c.used.Back())
	}
}

func (c *cache) remove(element *list.Element) {
	removed := c.used.Remove(element).(*entry)
	delete(c.entries, removed.key)
	c.size -= removed.size
}
