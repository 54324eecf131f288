package eventstoretest

import (
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// noteClauses hold what is noted of instances beside the events that a process handles.
func noteClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "a note takes in an entry", check: noteTakesIn},
		{name: "a note of an older version is ignored", check: noteOfOlder},
		{name: "a note makes parked commands due", check: noteUnparks},
		{name: "a note parks commands, whoever works on them", check: noteParks},
		{name: "a note leaves other commands as they are", check: noteLeavesCommands},
	}
}

func noteTakesIn(c *agendaTrial) {
	want := pendingAt("a", 2, timer("x", 0))
	c.note(want)
	for _, agenda := range c.agendas {
		entries := c.entries(agenda, eventstore.EntryQuery{})
		equal(c, "number of entries", len(entries), 1)
		equal(c, "entry", given(entries[0]), want)
	}
	c.claimOne()
	c.claimTimer(noon())
	c.note(overAt("a", 2))
	c.hasNone()
}

func noteOfOlder(c *agendaTrial) {
	c.note(parkedAt("a", 5, timer("x", 0)))
	before := c.entry("a")
	for _, older := range []eventstore.Entry{pendingAt("a", 4), overAt("a", 3), openAt("a", 1)} {
		c.note(older)
		equal(c, "entry", c.entry("a"), before)
	}
}

func noteUnparks(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	c.release(failed(c.claimOne(), parkedAt("a", 2), "failure"))
	c.note(pendingAt("a", 3))
	entry := c.entry("a")
	equal(c, "attempts", entry.Attempts, 0)
	equal(c, "reason", entry.Reason, "")
	task := c.claimOne()
	equal(c, "version", task.Version, 3)
	equal(c, "attempts", task.Attempts, 0)
}

func noteParks(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	task := c.claimOne()
	c.note(parkedAt("a", 2))
	equal(c, "commands are due", !c.entry("a").CommandsDueAt.IsZero(), false)
	c.release(failed(task, pendingAt("a", 1), "too late"))
	equal(c, "entry", given(c.entry("a")), parkedAt("a", 2))
	equal(c, "attempts", c.entry("a").Attempts, 0)
	equal(c, "claimed", len(c.claim(10, long)), 0)
}

func noteLeavesCommands(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	c.release(eventstore.Release{
		Task: c.claimOne(), Entry: pendingAt("a", 1), Failed: true, Reason: "failure", Delay: 30 * time.Minute,
	})
	due := c.entry("a").CommandsDueAt
	c.note(pendingAt("a", 2))
	entry := c.entry("a")
	equal(c, "due time", entry.CommandsDueAt, due)
	equal(c, "attempts", entry.Attempts, 1)
	equal(c, "reason", entry.Reason, "failure")
}
