package eventstoretest

import (
	"context"
	"math"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// findingClauses hold that a store that finds events by their ID finds those that are there.
func findingClauses() []clause[*trial] {
	needs := []feature{needsFinder}
	return []clause[*trial]{
		{name: "a given ID is found in its stream", check: givenIsFound, needs: needs},
		{name: "an ID that the store gave is found from a position", check: storesIDIsFoundBefore, needs: needs},
		{name: "an ID in several streams", check: idInSeveralStreams, needs: needs},
		{name: "an ID given again", check: idGivenAgain, needs: needs},
		{name: "what lies far back is found", check: farBackIsFound, needs: needs},
		{name: "what is held is not found", check: heldIsNotFound, needs: []feature{needsFinder, needsHold}},
		{name: "what is malformed is refused", check: findingRefuses, needs: needs},
		{name: "an ended context ends every method", check: endedContextEndsFinding, needs: needs},
		{name: "everything fails after close", check: findingFailsAfterClose, needs: needs},
	}
}

const anywhere eventstore.Position = math.MaxInt64

func finderOf(store eventstore.Store) eventstore.Finder { return store.(eventstore.Finder) }

// findsGiven ends the clause when FindGiven does not give just these events.
func (c *trial) findsGiven(id eventstore.StreamID, event uuid.UUID, want ...eventstore.RecordedEvent) {
	c.Helper()
	for _, store := range c.everyHandle() {
		found, ok, err := finderOf(store).FindGiven(c.ctx, id, event)
		c.ok(err, "find event %s of stream %q", event, id)
		var got []eventstore.RecordedEvent
		if ok {
			got = append(got, found)
		}
		if difference := sameEvents(got, want); difference != "" {
			c.Fatalf("what is found of event %s in stream %q %s", event, id, difference)
		}
	}
}

// findsBefore ends the clause when FindBefore does not give just these events.
func (c *trial) findsBefore(event uuid.UUID, before eventstore.Position, want ...eventstore.RecordedEvent) {
	c.Helper()
	for _, store := range c.everyHandle() {
		found, err := finderOf(store).FindBefore(c.ctx, event, before)
		c.ok(err, "find event %s before position %d", event, before)
		if difference := sameEvents(found, want); difference != "" {
			c.Fatalf("what is found of event %s before position %d %s", event, before, difference)
		}
	}
}

// everyHandle returns the store and the handles that the clause has opened.
func (c *trial) everyHandle() []eventstore.Store {
	return append([]eventstore.Store{c.Store}, c.opened...)
}

func givenIsFound(c *trial) {
	c.handles()
	one, other := identified("1"), identified("2")
	c.append(write("a", eventstore.NoStream, events(3)...))
	c.append(write("a", eventstore.Exactly(3), one, other))
	c.append(write("b", eventstore.NoStream, identified("3")), write("a", eventstore.Exactly(5), identified("4")))
	read := c.stream(c.Store, "a")
	c.findsGiven(stream("a"), one.ID, read[3])
	c.findsGiven(stream("a"), other.ID, read[4])
	c.findsGiven(stream("b"), one.ID)
	c.findsGiven(stream("none"), one.ID)
	c.findsGiven(stream("a"), uuid.New())
	// Before its position, and not at it.
	c.findsBefore(one.ID, anywhere, read[3])
	c.findsBefore(one.ID, read[3].Position+1, read[3])
	c.findsBefore(one.ID, read[3].Position)
	c.findsBefore(one.ID, 0)
	c.findsBefore(uuid.New(), anywhere)
}

func storesIDIsFoundBefore(c *trial) {
	c.handles()
	c.append(write("a", eventstore.NoStream, events(2)...))
	c.append(eventstore.Write{Stream: eventstore.StreamID{Category: "$pm.x", Key: "k"}, Events: events(1)})
	c.append(begins("b"))
	all, err := readAll(c.ctx, c.Store, 0, eventstore.Filter{Categories: []string{testCategory, "$pm.x"}})
	c.ok(err, "read all")
	equal(c, "events", len(all), 4)
	for _, e := range all {
		c.findsGiven(e.Stream, e.ID)
		c.findsBefore(e.ID, anywhere, e)
		c.findsBefore(e.ID, e.Position+1, e)
		c.findsBefore(e.ID, e.Position)
		c.findsBefore(e.ID, 0)
	}
	c.findsBefore(uuid.New(), anywhere)
}

func idInSeveralStreams(c *trial) {
	c.handles()
	same := identified("same")
	c.append(write("b", eventstore.NoStream, same))
	c.append(write("c", eventstore.NoStream, identified("c")), write("a", eventstore.NoStream, same))
	c.append(write("0", eventstore.NoStream, same))
	var all []eventstore.RecordedEvent
	for _, key := range []string{"b", "a", "0"} {
		e := c.stream(c.Store, key)[0]
		c.findsGiven(stream(key), same.ID, e)
		c.findsBefore(same.ID, e.Position, all...)
		all = append(all, e)
	}
	c.findsGiven(stream("c"), same.ID)
	c.findsBefore(same.ID, anywhere, all...)
}

// idGivenAgain gives an ID that the store gave to another event, which hides the one that had it first.
func idGivenAgain(c *trial) {
	c.handles()
	c.append(begins("a"))
	first := c.stream(c.Store, "a")[0]
	again := event("again")
	again.ID = first.ID
	c.append(write("a", eventstore.AnyVersion, again))
	c.append(begins("b"))
	second := c.stream(c.Store, "a")[1]
	c.findsGiven(stream("a"), first.ID, second)
	c.findsBefore(first.ID, anywhere, second)
	c.findsBefore(first.ID, second.Position, first)
	c.findsBefore(first.ID, first.Position)
}

// farBackIsFound looks from all kinds of positions, as a store may look at some events at a time.
func farBackIsFound(c *trial) {
	many := 40 * c.size // of several appends, as an append may leave a gap
	for n := 0; n < many; {
		some := 1 + c.random.IntN(many/4)
		c.append(write("many", eventstore.AnyVersion, events(some)...))
		n += some
	}
	all := c.stream(c.Store, "many")
	for _, back := range []int{1, 2, 100, 999, 1000, 1001, 1002, 2000, len(all) - 1, len(all), 1 + c.random.IntN(len(all))} {
		if back > len(all) {
			continue
		}
		last := len(all) - back
		for _, i := range []int{0, last / 2, last} {
			c.findsBefore(all[i].ID, all[last].Position+1, all[i])
			c.findsBefore(all[i].ID, anywhere, all[i])
			c.findsBefore(all[i].ID, all[i].Position)
		}
	}
}

func heldIsNotFound(c *trial) {
	one, other := identified("held"), identified("later")
	held := c.hold(write("held", eventstore.NoStream, one))
	c.append(write("later", eventstore.NoStream, other))
	c.findsGiven(stream("held"), one.ID)
	c.findsBefore(one.ID, anywhere)
	// Found although what is held hides it from those who read all.
	later := c.stream(c.Store, "later")[0]
	c.findsGiven(stream("later"), other.ID, later)
	c.findsBefore(other.ID, anywhere, later)
	c.commit(held)
	first := c.stream(c.Store, "held")[0]
	c.findsGiven(stream("held"), one.ID, first)
	c.findsBefore(one.ID, anywhere, first)
}

func findingRefuses(c *trial) {
	c.append(begins("a"))
	finder := finderOf(c.Store)
	_, _, err := finder.FindGiven(c.ctx, stream("a"), uuid.Nil)
	c.fails(err, eventstore.ErrInvalid, "find the zero ID in a stream")
	_, err = finder.FindBefore(c.ctx, uuid.Nil, anywhere)
	c.fails(err, eventstore.ErrInvalid, "find the zero ID")
	_, err = finder.FindBefore(c.ctx, uuid.New(), -1)
	c.fails(err, eventstore.ErrInvalid, "find before a negative position")
	for _, s := range refusedStreams() {
		_, _, err := finder.FindGiven(c.ctx, s.write.Stream, uuid.New())
		c.fails(err, eventstore.ErrInvalid, "find in a stream with %s", s.name)
	}
}

// callFinder calls every method, for an ID that is not there, and returns their errors.
func callFinder(ctx context.Context, store eventstore.Store) map[string]error {
	errs := make(map[string]error)
	_, _, errs["FindGiven"] = finderOf(store).FindGiven(ctx, stream("a"), uuid.New())
	_, errs["FindBefore"] = finderOf(store).FindBefore(ctx, uuid.New(), anywhere)
	return errs
}

func endedContextEndsFinding(c *trial) {
	c.append(begins("a"))
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	for method, err := range callFinder(ctx, c.Store) {
		c.fails(err, context.Canceled, "%s under an ended context", method)
	}
	c.findsBefore(c.stream(c.Store, "a")[0].ID, anywhere, c.stream(c.Store, "a")...)
}

func findingFailsAfterClose(c *trial) {
	c.append(begins("a"))
	c.ok(c.Store.Close(c.ctx), "close")
	for method, err := range callFinder(c.ctx, c.Store) {
		c.fails(err, eventstore.ErrClosed, "%s after Close", method)
	}
}
