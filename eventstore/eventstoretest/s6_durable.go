package eventstoretest

import (
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// durableClauses hold: what was acknowledged is there after a crash of any process.
func durableClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "another handle has what was acknowledged", check: anotherHandleHasAll, needs: []feature{needsOpen}},
		{name: "what was acknowledged outlives its handle", check: outlivesItsHandle, needs: []feature{needsOpen}},
		{name: "what was acknowledged outlives a crash", check: outlivesCrash, needs: []feature{needsCrash}},
		{name: "what was held does not outlive a crash", check: heldDiesInCrash, needs: []feature{needsCrash, needsHold}},
	}
}

func anotherHandleHasAll(c *trial) {
	other := c.another()
	for i := range 20 {
		c.append(write("a", eventstore.Exactly(eventstore.Version(i)), events(1)...))
		equal(c, "events in another handle", len(c.stream(other, "a")), i+1)
	}
	c.sameInBoth(c.Store, other)
}

func outlivesItsHandle(c *trial) {
	closing := c.another()
	c.appendTo(closing, begins("a"), begins("b"))
	c.ok(closing.Close(c.ctx), "close a handle")
	c.shows(c.Store, "a", "b")
	c.shows(c.another(), "a", "b")
	c.append(begins("c"))
	c.shows(c.Store, "a", "b", "c")
}

func outlivesCrash(c *trial) {
	c.append(write("a", eventstore.NoStream, events(100)...), begins("b"))
	before := c.all(c.Store)
	head := c.head(c.Store)
	for range 2 {
		c.ok(c.Crash(c.ctx), "crash")
		now := surely(c.run, "the head after a crash", func() (eventstore.Position, error) { return c.Store.Head(c.ctx) })
		equal(c, "head after a crash", now, head)
		if difference := sameEvents(c.allSurely(c.Store), before); difference != "" {
			c.Fatalf("the store after a crash %s", difference)
		}
	}
	result := c.appendSurely(c.Store, write("a", eventstore.Exactly(100), identified("after")))
	if result.Position <= head {
		c.Fatalf("an append after a crash is at position %d, not above the head %d", result.Position, head)
	}
}

func heldDiesInCrash(c *trial) {
	c.append(begins("before"))
	held := c.hold(begins("held"))
	c.ok(c.Crash(c.ctx), "crash")
	if err := held.Commit(c.ctx); err == nil {
		c.Fatalf("a held append was committed after a crash")
	}
	c.appendSurely(c.Store, write("after", eventstore.NoStream, identified("after")))
	equal(c, "events", fmt.Sprint(labelsOf(c.allSurely(c.Store))), "[before after]")
}

func (c *trial) sameInBoth(a, b eventstore.Store) {
	c.Helper()
	if difference := sameEvents(c.all(a), c.all(b)); difference != "" {
		c.Fatalf("one handle, compared to another, %s", difference)
	}
}
