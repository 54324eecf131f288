package eventstoretest

import (
	"context"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// countingClauses hold that a store that counts events counts those that it shows.
func countingClauses() []clause[*trial] {
	needs := []feature{needsCounter}
	return []clause[*trial]{
		{name: "what is selected is counted", check: countsSelected, needs: needs},
		{name: "a limit is kept", check: countLimit, needs: needs},
		{name: "an ended context ends it", check: countEndsWithContext, needs: needs},
		{name: "what a read refuses is refused", check: countRefuses, needs: needs},
		{name: "what a held append hides is not counted", check: countIsStable, needs: []feature{needsCounter, needsHold}},
	}
}

func (c *trial) counts(after, through eventstore.Position, filter eventstore.Filter, limit int) int {
	c.Helper()
	count, err := c.Store.(eventstore.Counter).Count(c.ctx, after, through, filter, limit)
	c.ok(err, "count events after %d up to %d", after, through)
	return count
}

// countsSelected counts between all positions, and compares with what is read there.
func countsSelected(c *trial) {
	equal(c, "count of an empty store", c.counts(0, 0, everything, 0), 0)
	equal(c, "count of an empty store up to anywhere", c.counts(0, 1<<40, everything, 0), 0)
	for i := range 12 {
		e := event(fmt.Sprint(i))
		e.Type = counted("type", i%3)
		id := eventstore.StreamID{Category: fmt.Sprint("category", i%2), Key: "k"}
		c.append(eventstore.Write{Stream: id, Expected: eventstore.AnyVersion, Events: []eventstore.EventData{e}})
	}
	c.append(eventstore.Write{
		Stream: eventstore.StreamID{Category: "$pm.x", Key: "k"}, Expected: eventstore.NoStream, Events: events(2),
	})
	for _, filter := range []eventstore.Filter{
		everything,
		{Categories: []string{"category1"}},
		{Types: []string{"type-2"}},
		{Categories: []string{"$pm.x"}},
		{Categories: []string{"category0"}, Types: []string{"type-0", "type-1"}},
		{Categories: []string{"none"}},
	} {
		read, err := readAll(c.ctx, c.Store, 0, filter)
		c.ok(err, "read all")
		positions := []eventstore.Position{0, c.head(c.Store)}
		for _, e := range c.all(c.Store) {
			positions = append(positions, e.Position)
		}
		for _, after := range positions {
			for _, through := range append(positions, 1<<40) {
				want := 0
				for _, e := range read {
					if e.Position > after && e.Position <= through {
						want++
					}
				}
				got := c.counts(after, through, filter, 0)
				equal(c, fmt.Sprintf("count of %+v after %d up to %d", filter, after, through), got, want)
			}
		}
	}
}

func countLimit(c *trial) {
	c.append(write("a", eventstore.NoStream, events(7)...))
	head := c.head(c.Store)
	for limit, want := range map[int]int{0: 7, 1: 1, 6: 6, 7: 7, 8: 7, 1 << 30: 7} {
		equal(c, fmt.Sprintf("count with limit %d", limit), c.counts(0, head, everything, limit), want)
	}
}

func countEndsWithContext(c *trial) {
	c.append(begins("a"))
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	_, err := c.Store.(eventstore.Counter).Count(ctx, 0, 1, everything, 0)
	c.fails(err, context.Canceled, "Count under an ended context")
	c.ok(c.Store.Close(c.ctx), "close")
	_, err = c.Store.(eventstore.Counter).Count(c.ctx, 0, 1, everything, 0)
	c.fails(err, eventstore.ErrClosed, "Count after Close")
}

func countRefuses(c *trial) {
	c.append(begins("a"))
	head := c.head(c.Store)
	_, err := c.Store.(eventstore.Counter).Count(c.ctx, -1, head, everything, 0)
	c.fails(err, eventstore.ErrInvalid, "count after a negative position")
	_, err = c.Store.(eventstore.Counter).Count(c.ctx, 0, head, everything, -1)
	c.fails(err, eventstore.ErrInvalid, "count with a negative limit")
	_, err = c.Store.(eventstore.Counter).Count(c.ctx, 0, head, eventstore.Filter{Categories: []string{""}}, 0)
	c.fails(err, eventstore.ErrInvalid, "count with an invalid filter")
}

func countIsStable(c *trial) {
	c.append(begins("a"))
	held := c.hold(begins("held"))
	c.append(begins("b"))
	head := c.head(c.Store)
	equal(c, "count while an append is held", c.counts(0, head, everything, 0), 1)
	c.commit(held)
	c.eventually("all events counted", func() bool { return c.counts(0, c.head(c.Store), everything, 0) == 3 })
}
