package eventstoretest

import (
	"context"
	"errors"

	"github.com/pasttense/pasttense/eventstore"
)

// appendOnlyClauses hold: nothing in the API changes or deletes an event. What a database's roles may do is for the
// backend's own tests.
func appendOnlyClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "what was recorded stays as it was", check: recordedStays},
	}
}

// recordedStays does everything to a store that a caller can, and finds what was there before at the beginning.
func recordedStays(c *trial) {
	first := write("a", eventstore.NoStream, identified("1"), identified("2"))
	c.append(first, write("b", eventstore.NoStream, identified("3")))
	before := c.all(c.Store)

	c.append(first, check("b", eventstore.AnyVersion))
	changed := eventstore.Write{Stream: first.Stream, Expected: eventstore.AnyVersion}
	changed.Events = []eventstore.EventData{identified("4"), identified("5")}
	changed.Events[0].ID = first.Events[0].ID
	c.refuses(eventstore.ErrIDReused, changed)
	_, err := c.Store.Append(c.ctx, write("a", eventstore.Exactly(1), events(1)...))
	c.conflict(err)
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	_, err = c.Store.Append(ctx, write("a", eventstore.AnyVersion, events(1)...))
	equal(c, "a canceled append fails", errors.Is(err, context.Canceled), true)
	c.appendMany(c.handles())
	c.append(write("a", eventstore.AnyVersion, events(10)...))

	after := c.all(c.Store)
	if difference := sameEvents(after[:len(before)], before); difference != "" {
		c.Fatalf("what was recorded has changed: the store %s", difference)
	}
	if difference := sameEvents(c.stream(c.Store, "a")[:2], before[:2]); difference != "" {
		c.Fatalf("what was recorded has changed: the stream %s", difference)
	}
}
