package eventstoretest

import (
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Here are the steps that the clauses of agendas are made of.

// process returns the checkpoint of the tests' process manager, which it defines if it is not.
func (c *agendaTrial) process() eventstore.Checkpoint {
	c.Helper()
	c.define(first(testProcess), 1)
	return c.at(first(testProcess), 0)
}

// plan moves the process on by one and plans entries.
func (c *agendaTrial) plan(entries ...eventstore.Entry) {
	c.Helper()
	at := c.process()
	c.ok(c.Agenda.Plan(c.ctx, leaving(at, at.Position+1), entries), "plan %+v", entries)
}

// planInTurn plans instances with commands one after another, with some time between.
func (c *agendaTrial) planInTurn(instances ...string) {
	c.Helper()
	for _, instance := range instances {
		c.plan(pendingAt(instance, 1))
		c.pass(2 * time.Millisecond)
	}
}

func (c *agendaTrial) note(entry eventstore.Entry) {
	c.Helper()
	c.ok(c.Agenda.Note(c.ctx, entry), "note %+v", entry)
}

// claim claims commands of the tests' process.
func (c *agendaTrial) claim(limit int, lease time.Duration) []eventstore.Task {
	c.Helper()
	claimed, err := c.Agenda.Claim(c.ctx, testProcess, eventstore.DutyCommands, time.Time{}, limit, lease)
	c.ok(err, "claim commands")
	return claimed
}

// claimTimers claims timers that are due by a time, for long.
func (c *agendaTrial) claimTimers(now time.Time) []eventstore.Task {
	c.Helper()
	claimed, err := c.Agenda.Claim(c.ctx, testProcess, eventstore.DutyTimers, now, 100, long)
	c.ok(err, "claim timers")
	return claimed
}

// claimOne claims the only commands that are due.
func (c *agendaTrial) claimOne() eventstore.Task {
	c.Helper()
	claimed := c.claim(10, long)
	equal(c, "claimed tasks", len(claimed), 1)
	return claimed[0]
}

// claimTimer claims the only instance whose timers are due by a time.
func (c *agendaTrial) claimTimer(now time.Time) eventstore.Task {
	c.Helper()
	claimed := c.claimTimers(now)
	equal(c, "instances whose timers are claimed", len(claimed), 1)
	return claimed[0]
}

func (c *agendaTrial) release(releases ...eventstore.Release) {
	c.Helper()
	c.ok(c.Agenda.Release(c.ctx, releases...), "release %+v", releases)
}

// entries returns all entries of the tests' process by an agenda.
func (c *agendaTrial) entries(agenda eventstore.Agenda, query eventstore.EntryQuery) []eventstore.Entry {
	c.Helper()
	entries, err := agenda.Entries(c.ctx, testProcess, query)
	c.ok(err, "list entries")
	return entries
}

// entry returns the entry of an instance, which there must be.
func (c *agendaTrial) entry(instance string) eventstore.Entry {
	c.Helper()
	entries := c.entries(c.Agenda, eventstore.EntryQuery{Instance: instance})
	equal(c, fmt.Sprintf("number of entries of %q", instance), len(entries), 1)
	return entries[0]
}

// hasNone ends the clause when there is an entry.
func (c *agendaTrial) hasNone() {
	c.Helper()
	for _, agenda := range c.agendas {
		equal(c, "entries", keysOf(c.entries(agenda, eventstore.EntryQuery{})), nil)
	}
}

// openAt returns the entry of an instance that has nothing to do, and pendingAt that of one with commands.
func openAt(instance string, version eventstore.Version, timers ...eventstore.Timer) eventstore.Entry {
	return eventstore.Entry{Process: testProcess, Instance: instance, Version: version, Timers: timers}
}

func pendingAt(instance string, version eventstore.Version, timers ...eventstore.Timer) eventstore.Entry {
	entry := openAt(instance, version, timers...)
	entry.Pending = true
	return entry
}

func parkedAt(instance string, version eventstore.Version, timers ...eventstore.Timer) eventstore.Entry {
	entry := pendingAt(instance, version, timers...)
	entry.Parked = true
	return entry
}

func overAt(instance string, version eventstore.Version) eventstore.Entry {
	entry := openAt(instance, version)
	entry.Over = true
	return entry
}

// noon is when the tests' timers are due; timer returns one that is due some time after it.
func noon() time.Time { return time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC) }

func timer(name string, after time.Duration) eventstore.Timer {
	return eventstore.Timer{Name: name, DueAt: noon().Add(after)}
}

// given returns of an entry what was given.
func given(entry eventstore.Entry) eventstore.Entry {
	return eventstore.Entry{
		Process: entry.Process, Instance: entry.Instance, Version: entry.Version,
		Pending: entry.Pending, Parked: entry.Parked, Timers: entry.Timers, Over: entry.Over,
	}
}

func keysOf(entries []eventstore.Entry) []string {
	var keys []string
	for _, entry := range entries {
		keys = append(keys, entry.Instance)
	}
	return keys
}

func instancesOf(tasks []eventstore.Task) string {
	var instances []string
	for _, task := range tasks {
		instances = append(instances, task.Instance)
	}
	return fmt.Sprint(instances)
}
