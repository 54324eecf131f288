package eventstoretest

import (
	"fmt"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// readingClauses hold what ReadOptions, Filter and the reading methods say of themselves.
func readingClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "an empty store", check: readEmptyStore},
		{name: "every part of a stream", check: readEveryPart},
		{name: "a long stream", check: readLongStream},
		{name: "every filter", check: readEveryFilter},
		{name: "system categories only by name", check: systemCategoriesByName},
		{name: "reading ends where it began", check: readingEndsWhereItBegan},
		{name: "invalid arguments are refused", check: invalidReadsAreRefused},
		{name: "flattened batches", check: flattenedBatches},
	}
}

func readEmptyStore(c *trial) {
	for _, store := range c.handles() {
		c.shows(store)
		equal(c, "head", c.head(store), 0)
		for _, opts := range everyReadOptions() {
			equal(c, "events of an absent stream", len(c.read(store, stream("absent"), opts)), 0)
		}
	}
}

func everyReadOptions() []eventstore.ReadOptions {
	var all []eventstore.ReadOptions
	for _, from := range []eventstore.Version{0, 1, 2, 4, 5, 6, 7, 1 << 40} {
		for _, limit := range []int{0, 1, 2, 5, 6, 1 << 40} {
			all = append(all,
				eventstore.ReadOptions{From: from, Limit: limit},
				eventstore.ReadOptions{From: from, Limit: limit, Backwards: true})
		}
	}
	return all
}

func readEveryPart(c *trial) {
	c.append(write("before", eventstore.NoStream, events(7)...))
	c.append(write("a", eventstore.NoStream, events(5)...))
	c.append(write("a-", eventstore.NoStream, events(7)...))
	whole := c.stream(c.Store, "a")
	for _, store := range c.handles() {
		for _, opts := range everyReadOptions() {
			if difference := sameEvents(c.read(store, stream("a"), opts), part(whole, opts)); difference != "" {
				c.Fatalf("a stream read with %+v %s", opts, difference)
			}
		}
	}
}

// part is what ReadStream must yield of a whole stream.
func part(whole []eventstore.RecordedEvent, opts eventstore.ReadOptions) []eventstore.RecordedEvent {
	events := slices.Clone(whole)
	if opts.Backwards {
		slices.Reverse(events)
	}
	events = slices.DeleteFunc(events, func(e eventstore.RecordedEvent) bool {
		if opts.Backwards {
			return opts.From > 0 && e.Version > opts.From
		}
		return e.Version < opts.From
	})
	if opts.Limit > 0 && opts.Limit < len(events) {
		events = events[:opts.Limit]
	}
	return events
}

// readLongStream reads more than a page in any backend, in both directions.
func readLongStream(c *trial) {
	const length = 5000
	c.append(write("long", eventstore.NoStream, events(length)...), write("other", eventstore.NoStream, events(10)...))
	whole := c.stream(c.Store, "long")
	equal(c, "events", len(whole), length)
	for _, opts := range []eventstore.ReadOptions{
		{Backwards: true}, {From: 17, Limit: 3000}, {From: 4321, Backwards: true, Limit: 4000}, {From: 2500},
	} {
		if difference := sameEvents(c.read(c.Store, stream("long"), opts), part(whole, opts)); difference != "" {
			c.Fatalf("a stream read with %+v %s", opts, difference)
		}
	}
}

// appendMixed appends events of a few categories, the library's own among them, and types.
func (c *trial) appendMixed() {
	c.Helper()
	categories := []string{"a", "b", "A", "$pm.x", "$"}
	types := []string{"t", "T", "u"}
	for i := range 60 {
		e := event(fmt.Sprint(i))
		e.Type = types[c.random.IntN(len(types))]
		id := eventstore.StreamID{Category: categories[c.random.IntN(len(categories))], Key: fmt.Sprint(c.random.IntN(2))}
		c.append(eventstore.Write{Stream: id, Expected: eventstore.AnyVersion, Events: []eventstore.EventData{e}})
	}
}

// allCategories selects what appendMixed appends.
var allCategories = eventstore.Filter{Categories: []string{"a", "b", "A", "$pm.x", "$"}}

func readEveryFilter(c *trial) {
	c.appendMixed()
	all, err := readAll(c.ctx, c.Store, 0, allCategories)
	c.ok(err, "read all categories")
	equal(c, "events", len(all), 60)
	for _, store := range c.handles() {
		for _, filter := range everyFilter() {
			for _, after := range []int{0, 30, len(all)} {
				c.filters(store, all, after, filter)
			}
		}
	}
}

func everyFilter() []eventstore.Filter {
	var filters []eventstore.Filter
	for _, categories := range [][]string{
		nil, {}, {"a"}, {"A"}, {"a", "b"}, {"b", "a", "b"}, {"$pm.x"}, {"$"}, {"a", "$"}, {"absent"}, {"absent", "b"},
	} {
		for _, types := range [][]string{nil, {"t"}, {"T", "u"}, {"t", "T", "u", "t"}, {"absent"}} {
			filters = append(filters, eventstore.Filter{Categories: categories, Types: types})
		}
	}
	return filters
}

// filters ends the clause unless a reading and a subscription, after as many events, give what the filter selects.
func (c *trial) filters(
	store eventstore.Store, all []eventstore.RecordedEvent, skip int, filter eventstore.Filter,
) {
	c.Helper()
	after := eventstore.Position(0)
	if skip > 0 {
		after = all[skip-1].Position
	}
	want := selected(all[skip:], filter)
	got, err := readAll(c.ctx, store, after, filter)
	c.ok(err, "read all with filter %+v", filter)
	if difference := sameEvents(got, want); difference != "" {
		c.Fatalf("ReadAll after %d with filter %+v %s", after, filter, difference)
	}
	f := c.follow(store, after, filter, habits{})
	f.reaches(all[len(all)-1].Position)
	f.stop()
	if difference := sameEvents(f.seen(), want); difference != "" {
		c.Fatalf("a subscription after %d with filter %+v %s", after, filter, difference)
	}
}

func systemCategoriesByName(c *trial) {
	system := eventstore.StreamID{Category: "$pm.checkout", Key: "1"}
	c.append(begins("a"), eventstore.Write{Stream: system, Events: events(2)}, begins("b"))
	c.shows(c.Store, "a", "b")
	c.follow(c.Store, 0, eventstore.Filter{Types: []string{testType}}, habits{}).shows("a", "b")
	named := eventstore.Filter{Categories: []string{system.Category}}
	only, err := readAll(c.ctx, c.Store, 0, named)
	c.ok(err, "read a system category")
	equal(c, "events of the system category", len(only), 2)
	c.follow(c.Store, 0, named, habits{}).shows("1", "1")
	equal(c, "events of the system stream", len(c.read(c.Store, system, eventstore.ReadOptions{})), 2)
	equal(c, "head", c.head(c.Store), c.stream(c.Store, "b")[0].Position)
}

// readingEndsWhereItBegan appends for each event that it reads, and still comes to an end.
func readingEndsWhereItBegan(c *trial) {
	for i := range 5 {
		c.append(begins(counted("a", i)))
	}
	n := 0
	for _, err := range c.Store.ReadAll(c.ctx, 0, everything) {
		c.ok(err, "read all")
		c.append(begins(counted("b", n)))
		n++
	}
	equal(c, "events", n, 5)
	equal(c, "events afterwards", len(c.all(c.Store)), 10)
}

func invalidReadsAreRefused(c *trial) {
	c.append(begins("a"))
	for _, id := range []eventstore.StreamID{
		{}, {Category: "c"}, {Key: "k"}, {Category: "a-b", Key: "k"}, {Category: "c", Key: "\xff"}, {Category: "c\x00", Key: "k"},
	} {
		_, err := collect(c.Store.ReadStream(c.ctx, id, eventstore.ReadOptions{}))
		c.fails(err, eventstore.ErrInvalid, "read stream %q", id)
	}
	_, err := collect(c.Store.ReadAll(c.ctx, -1, everything))
	c.fails(err, eventstore.ErrInvalid, "read all after -1")
	_, err = collect(c.Store.Subscribe(c.ctx, -1, everything))
	c.fails(err, eventstore.ErrInvalid, "subscribe after -1")
	for _, opts := range []eventstore.ReadOptions{{From: -1}, {Limit: -1}, {From: -1, Backwards: true}} {
		_, err := collect(c.Store.ReadStream(c.ctx, stream("a"), opts))
		c.fails(err, eventstore.ErrInvalid, "read a stream with %+v", opts)
	}
	for _, filter := range []eventstore.Filter{
		{Categories: []string{""}},
		{Categories: []string{"a", "b-c"}},
		{Types: []string{""}},
		{Types: []string{"\x00"}},
		{Categories: []string{"\xff"}},
		{Types: []string{"t", "\xff"}},
	} {
		_, err := collect(c.Store.ReadAll(c.ctx, 0, filter))
		c.fails(err, eventstore.ErrInvalid, "read all with filter %+v", filter)
		_, err = collect(c.Store.Subscribe(c.ctx, 0, filter))
		c.fails(err, eventstore.ErrInvalid, "subscribe with filter %+v", filter)
	}
}

func flattenedBatches(c *trial) {
	c.append(write("a", eventstore.NoStream, events(30)...))
	var got []eventstore.RecordedEvent
	for e, err := range eventstore.Flatten(c.Store.Subscribe(c.ctx, 0, everything)) {
		c.ok(err, "subscribe")
		if got = append(got, e); len(got) == 30 {
			break
		}
	}
	if difference := sameEvents(got, c.all(c.Store)); difference != "" {
		c.Fatalf("flattened batches: the subscription %s", difference)
	}
}
