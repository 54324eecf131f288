package eventstoretest

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// idempotentClauses hold: the same append again, with event IDs given by the caller, returns the first result and
// writes nothing.
func idempotentClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "a repeat with each expectation", check: repeatWithEachExpectation},
		{name: "a repeat of several streams", check: repeatOfSeveralStreams},
		{name: "a repeat in another handle", check: repeatInAnotherHandle, needs: []feature{needsOpen}},
		{name: "a repeat whose checks fail by now", check: repeatIsNotJudgedAgain},
		{name: "a repeat may differ in metadata", check: repeatWithOtherMetadata},
		{name: "a repeat may be compressed otherwise", check: repeatCompressedOtherwise},
		{name: "a repeat keeps the events as they were", check: repeatKeepsEvents},
		{name: "other data or another type is refused", check: otherDataIsRefused},
		{name: "some of the IDs are refused", check: someIDsAreRefused},
		{name: "some streams of the append are refused", check: someStreamsAreRefused},
		{name: "the same IDs in another stream are new", check: idsBelongToStreams},
		{name: "a conflict is no first result", check: conflictIsNoFirstResult},
		{name: "an ID twice in a stream is refused", check: idTwiceIsRefused},
		{name: "IDs for some events only are refused", check: mixedIDsAreRefused},
		{name: "the same append racing itself", check: repeatsRace},
		{name: "a repeat behind its held first", check: repeatBehindHeld, needs: []feature{needsHold}},
		{name: "events without IDs get some", check: idsAreGiven},
		{name: "an ID that the store gave is not looked for", check: storesIDsAreNotLookedFor},
	}
}

// isRepeat appends again and ends the clause when that is not answered with the first result, or writes anything.
func (c *trial) isRepeat(store eventstore.Store, first eventstore.AppendResult, writes ...eventstore.Write) {
	c.Helper()
	before := c.all(store)
	again, err := store.Append(c.ctx, writes...)
	c.ok(err, "append again")
	equal(c, "result of the repeat", again, first)
	if difference := sameEvents(c.all(store), before); difference != "" {
		c.Fatalf("the store after a repeat %s", difference)
	}
}

// storesIDsAreNotLookedFor gives the ID of an event that got it from the store. To look for those would cost appends that
// give no IDs.
func storesIDsAreNotLookedFor(c *trial) {
	c.append(begins("a"))
	again := event("again")
	again.ID = c.stream(c.Store, "a")[0].ID
	result := c.append(write("a", eventstore.AnyVersion, again))
	equal(c, "version", result.Writes[0].Version, 2)
	c.isRepeat(c.Store, result, write("a", eventstore.AnyVersion, again))
}

func repeatWithEachExpectation(c *trial) {
	for i, expected := range []eventstore.ExpectedVersion{
		eventstore.AnyVersion, eventstore.StreamExists, eventstore.Exactly(2), eventstore.NoStream,
	} {
		key := counted("a", i)
		if expected != eventstore.NoStream {
			c.append(write(key, eventstore.NoStream, events(2)...))
		}
		append1 := write(key, expected, identified("one"), identified("two"))
		first := c.append(append1)
		c.isRepeat(c.Store, first, append1)
		c.append(write(key, eventstore.AnyVersion, events(3)...))
		c.append(write(key, eventstore.AnyVersion, identified("other")))
		c.isRepeat(c.Store, first, append1)
		c.stream(c.Store, key)
	}
}

func repeatOfSeveralStreams(c *trial) {
	c.append(begins("b"))
	writes := []eventstore.Write{
		write("c", eventstore.NoStream, identified("1"), identified("2")),
		check("b", eventstore.Exactly(1)),
		write("a", eventstore.AnyVersion, identified("3")),
	}
	first := c.append(writes...)
	c.append(write("a", eventstore.Exactly(1), events(1)...), write("c", eventstore.Exactly(2), events(1)...))
	c.isRepeat(c.Store, first, writes...)
}

func repeatInAnotherHandle(c *trial) {
	other := c.another()
	writes := []eventstore.Write{write("a", eventstore.NoStream, identified("1")), write("b", 0, identified("2"))}
	first := c.append(writes...)
	c.isRepeat(other, first, writes...)
}

func repeatIsNotJudgedAgain(c *trial) {
	writes := []eventstore.Write{
		write("a", eventstore.NoStream, identified("1")),
		check("checked", eventstore.NoStream),
	}
	first := c.append(writes...)
	c.append(begins("checked"))
	c.isRepeat(c.Store, first, writes...)
	writes[0].Expected, writes[1].Expected = eventstore.Exactly(7), eventstore.Exactly(8)
	c.isRepeat(c.Store, first, writes...)
}

func repeatWithOtherMetadata(c *trial) {
	w := write("a", eventstore.NoStream, identified("1"))
	w.Events[0].Metadata = eventstore.Metadata{TraceParent: "first"}
	first := c.append(w)
	w.Events = slices.Clone(w.Events)
	w.Events[0].Metadata = eventstore.Metadata{TraceParent: "second", Values: map[string]string{"try": "2"}}
	c.isRepeat(c.Store, first, w)
	equal(c, "metadata", c.stream(c.Store, "a")[0].Metadata, eventstore.Metadata{TraceParent: "first"})
}

func repeatKeepsEvents(c *trial) {
	w := write("a", eventstore.NoStream, identified("1"), identified("2"))
	first := c.append(w)
	f := c.follow(c.Store, 0, everything, habits{})
	f.shows("a", "a")
	for range 3 {
		c.isRepeat(c.Store, first, w)
	}
	c.append(begins("z"))
	f.shows("a", "a", "z")
	c.recorded(c.stream(c.Store, "a"), w.Events...)
}

func otherDataIsRefused(c *trial) {
	w := write("a", eventstore.NoStream, identified("1"), identified("2"))
	c.append(w)
	for what, change := range map[string]func(e *eventstore.EventData){
		"data":  func(e *eventstore.EventData) { e.Data = []byte(`"other"`) },
		"space": func(e *eventstore.EventData) { e.Data = []byte(` "2"`) },
		"type":  func(e *eventstore.EventData) { e.Type = "other" },
	} {
		for _, expected := range []eventstore.ExpectedVersion{
			eventstore.NoStream, eventstore.AnyVersion, eventstore.Exactly(2),
		} {
			other := eventstore.Write{Stream: w.Stream, Expected: expected, Events: slices.Clone(w.Events)}
			change(&other.Events[1])
			_, err := c.Store.Append(c.ctx, other)
			c.fails(err, eventstore.ErrIDReused, "append that repeats IDs with other %s, expecting %s", what, expected)
		}
	}
	c.recorded(c.stream(c.Store, "a"), w.Events...)
}

func someIDsAreRefused(c *trial) {
	one, two, three := identified("1"), identified("2"), identified("3")
	c.append(write("a", eventstore.NoStream, one, two))
	for _, expected := range []eventstore.ExpectedVersion{
		eventstore.NoStream, eventstore.AnyVersion, eventstore.StreamExists, eventstore.Exactly(2),
	} {
		c.refuses(eventstore.ErrIDReused, write("a", expected, one, three))
		c.refuses(eventstore.ErrIDReused, write("a", expected, three, two))
		c.refuses(eventstore.ErrIDReused, write("a", expected, one, two, three))
		c.refuses(eventstore.ErrIDReused, write("a", expected, two, one))
	}
	c.recorded(c.stream(c.Store, "a"), one, two)
}

func someStreamsAreRefused(c *trial) {
	one, two := identified("1"), identified("2")
	c.append(write("a", eventstore.NoStream, one))
	c.refuses(eventstore.ErrIDReused, write("a", eventstore.AnyVersion, one), write("b", eventstore.AnyVersion, two))
	c.refuses(eventstore.ErrIDReused, write("b", eventstore.AnyVersion, two), write("a", eventstore.AnyVersion, one))
	c.shows(c.Store, "a")
}

func idsBelongToStreams(c *trial) {
	one, two := identified("1"), identified("2")
	c.append(write("a", eventstore.NoStream, one, two))
	other := write("b", eventstore.NoStream, one, two)
	first := c.append(other)
	equal(c, "version", first.Writes[0].Version, 2)
	c.isRepeat(c.Store, first, other)
	both := []eventstore.Write{write("c", 0, one), write("d", 0, one, two)}
	first = c.append(both...)
	c.isRepeat(c.Store, first, both...)
	c.shows(c.Store, "a", "a", "b", "b", "c", "d", "d")
}

func conflictIsNoFirstResult(c *trial) {
	c.append(begins("a"))
	w := write("a", eventstore.Exactly(2), identified("1"))
	for range 2 {
		_, err := c.Store.Append(c.ctx, w)
		c.conflicts(err, w, 1)
	}
	c.append(write("a", eventstore.Exactly(1), events(1)...))
	first := c.append(w)
	equal(c, "version", first.Writes[0].Version, 3)
	c.isRepeat(c.Store, first, w)
}

func idTwiceIsRefused(c *trial) {
	one, two := identified("1"), identified("2")
	two.ID = one.ID
	c.refuses(eventstore.ErrInvalid, write("a", eventstore.AnyVersion, one, two))
	c.refuses(eventstore.ErrInvalid, write("a", eventstore.AnyVersion, one, identified("3"), one))
	c.shows(c.Store)
}

func mixedIDsAreRefused(c *trial) {
	c.refuses(eventstore.ErrInvalid, write("a", eventstore.AnyVersion, identified("1"), event("2")))
	c.refuses(eventstore.ErrInvalid, write("a", eventstore.AnyVersion, event("2"), identified("1")))
	c.refuses(eventstore.ErrInvalid,
		write("a", eventstore.AnyVersion, event("2")), write("b", eventstore.AnyVersion, identified("1")))
	c.shows(c.Store)
}

// repeatsRace makes the same append many times at once. Each one is told the same, and it is written once.
func repeatsRace(c *trial) {
	const racers = 16
	handles := c.handles()
	for round, expected := range []eventstore.ExpectedVersion{
		eventstore.NoStream, eventstore.AnyVersion, eventstore.StreamExists, eventstore.Exactly(1),
		eventstore.AnyVersion, eventstore.AnyVersion, eventstore.AnyVersion, eventstore.AnyVersion,
	} {
		a, b := counted("a", round), counted("b", round)
		if expected != eventstore.NoStream {
			c.append(begins(a), begins(b))
		}
		before := len(c.all(c.Store))
		writes := []eventstore.Write{
			write(b, expected, identified("1")), write(a, expected, identified("2"), identified("3")),
		}
		results := make([]eventstore.AppendResult, racers)
		c.race(racers, func(i int) error {
			result, err := handles[i%len(handles)].Append(c.ctx, writes...)
			results[i] = result
			return err
		})
		for i := range results {
			equal(c, fmt.Sprintf("result of racer %d", i), results[i], results[0])
		}
		equal(c, "events", len(c.all(c.Store)), before+3)
		c.isRepeat(c.Store, results[0], writes...)
	}
}

func repeatBehindHeld(c *trial) {
	for _, end := range []func(held Held){c.commit, c.rollback} {
		w := write(uuid.NewString(), eventstore.AnyVersion, identified("1"))
		held := c.hold(w)
		repeat := begin(c.run, "a repeat behind its held first", func() error {
			_, err := c.Store.Append(c.ctx, w)
			return err
		})
		c.quiet()
		end(held)
		c.ok(repeat.wait(), "repeat an append behind its held first")
		c.recorded(c.stream(c.Store, w.Stream.Key), w.Events...)
	}
}

func idsAreGiven(c *trial) {
	c.append(write("a", eventstore.NoStream, events(3)...), begins("b"))
	c.append(write("a", eventstore.Exactly(3), events(3)...))
	ids := make(map[uuid.UUID]bool)
	for _, e := range c.all(c.Store) {
		if e.ID.Version() != 7 || ids[e.ID] {
			c.Fatalf("event ID %s is not a new UUIDv7", e.ID)
		}
		ids[e.ID] = true
	}
	equal(c, "IDs", len(ids), 7)
}
