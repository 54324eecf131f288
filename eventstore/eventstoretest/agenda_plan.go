package eventstoretest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// planClauses hold that a plan makes the move and takes in its entries, both or neither.
func planClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "a plan takes in entries", check: planTakesIn},
		{name: "a plan that is refused takes in nothing", check: refusedPlanTakesInNothing},
		{name: "one of many racing plans wins", check: onePlanWins},
		{name: "a plan of an older version is ignored", check: olderIsIgnored},
		{name: "the greatest version in a plan counts", check: greatestVersionCounts},
		{name: "a plan leaves commands as they are", check: planLeavesCommands},
		{name: "a plan begins attempts anew when nothing is left", check: planForgetsAttempts},
		{name: "a plan that unparks makes commands due", check: planUnparks},
		{name: "what is over has no entry", check: overHasNoEntry},
		{name: "what is over with commands has an entry", check: overWithCommands},
		{name: "a plan that parks a sequence takes in entries", check: planParksSequence},
		{name: "partitions plan at the same time", check: plansOfPartitions},
		{name: "a forgotten process has no entries", check: forgottenHasNoEntries},
		{name: "odd instances are distinct", check: oddInstances},
		{name: "many instances in one plan", check: manyInstances},
		{name: "an ended context ends every method", check: endedContextEndsAgenda},
	}
}

func planTakesIn(c *agendaTrial) {
	given1 := []eventstore.Entry{
		openAt("a", 1), pendingAt("b", 2, timer("x", 0), timer("w", time.Hour), timer("y", time.Hour)), parkedAt("c", 3),
	}
	c.plan(given1...)
	for _, agenda := range c.agendas {
		entries := c.entries(agenda, eventstore.EntryQuery{})
		equal(c, "number of entries", len(entries), len(given1))
		for i, entry := range entries {
			equal(c, "what was given of an entry", given(entry), given1[i])
			equal(c, "attempts", entry.Attempts, 0)
			equal(c, "reason", entry.Reason, "")
			equal(c, "an entry has when it was changed", entry.UpdatedAt.IsZero(), false)
			equal(c, "commands of "+entry.Instance+" are due", !entry.CommandsDueAt.IsZero(), entry.Instance == "b")
		}
	}
	c.is(first(testProcess), 1)
	equal(c, "commands that are due", instancesOf(c.claim(10, long)), "[b]")

	own := openAt("a", 2)
	own.Attempts, own.Reason, own.CommandsDueAt, own.UpdatedAt = 3, "a reason", noon(), noon()
	c.plan(own)
	equal(c, "an entry, but for when it was changed", c.entry("a"), withUpdate(openAt("a", 2), c.entry("a").UpdatedAt))
	equal(c, "when it was changed is the agenda's own", c.entry("a").UpdatedAt.Equal(noon()), false)
}

func withUpdate(entry eventstore.Entry, at time.Time) eventstore.Entry {
	entry.UpdatedAt = at
	return entry
}

func refusedPlanTakesInNothing(c *agendaTrial) {
	at := c.process()
	elsewhere, before := leaving(at, 6), leaving(at, 1)
	elsewhere.From = 5
	entries := []eventstore.Entry{pendingAt("a", 1), overAt("b", 1)}
	c.fails(c.Agenda.Plan(c.ctx, elsewhere, entries), eventstore.ErrCheckpointMoved, "plan from elsewhere")
	c.pauses(at, "a reason")
	err := c.Agenda.Plan(c.ctx, leaving(c.at(first(testProcess), 0), 1), entries)
	c.fails(err, eventstore.ErrPaused, "plan of who is paused")
	c.ok(c.Agenda.Resume(c.ctx, first(testProcess)), "resume")
	c.fails(c.Agenda.Plan(c.ctx, before, entries), eventstore.ErrCheckpointMoved, "plan in an older epoch")
	undefined := pendingAt("a", 1)
	undefined.Process = "undefined"
	err = c.Agenda.Plan(c.ctx, eventstore.Move{Consumer: first("undefined"), To: 1}, []eventstore.Entry{undefined})
	c.fails(err, eventstore.ErrCheckpointMoved, "plan of who is not defined")
	c.hasNone()
	c.is(first(testProcess), 0)

	c.plan(openAt("b", 1))
	c.fails(c.Agenda.Plan(c.ctx, before, entries), eventstore.ErrCheckpointMoved, "plan from before")
	equal(c, "entries", keysOf(c.entries(c.Agenda, eventstore.EntryQuery{})), []string{"b"})
}

func onePlanWins(c *agendaTrial) {
	const racers = 6
	for round := range 10 {
		at := c.process()
		var won, winner atomic.Int64
		c.race(racers, func(i int) error {
			entries := []eventstore.Entry{
				pendingAt("all", eventstore.Version(round+1)), pendingAt(counted("by", round, i), 1),
			}
			err := c.agendas[i%len(c.agendas)].Plan(c.ctx, leaving(at, at.Position+1), entries)
			if err == nil {
				won.Add(1)
				winner.Store(int64(i))
			}
			return unless(err, eventstore.ErrCheckpointMoved)
		})
		equal(c, "winners of the same move", won.Load(), 1)
		equal(c, "entries", len(c.entries(c.Agenda, eventstore.EntryQuery{})), round+2)
		c.entry(counted("by", round, int(winner.Load())))
	}
}

func olderIsIgnored(c *agendaTrial) {
	c.plan(pendingAt("a", 5, timer("x", 0)))
	before := c.entry("a")
	for _, older := range []eventstore.Entry{openAt("a", 4), parkedAt("a", 3), overAt("a", 4), pendingAt("a", 1)} {
		c.plan(older)
		equal(c, "an entry, after one of an older version", c.entry("a"), before)
	}
	for _, entry := range []eventstore.Entry{openAt("a", 5, timer("y", 0)), pendingAt("a", 6), openAt("a", 9)} {
		c.plan(entry)
		equal(c, "an entry, after one of no older version", given(c.entry("a")), entry)
	}
}

func greatestVersionCounts(c *agendaTrial) {
	c.plan(openAt("a", 1), pendingAt("b", 7), openAt("a", 3), openAt("b", 6), pendingAt("a", 2), openAt("c", 1),
		pendingAt("c", 1))
	for _, want := range []eventstore.Entry{openAt("a", 3), pendingAt("b", 7), pendingAt("c", 1)} {
		equal(c, "entry", given(c.entry(want.Instance)), want)
	}
}

func planLeavesCommands(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	due := c.entry("a").CommandsDueAt
	c.pass(moment)
	c.plan(pendingAt("a", 2))
	equal(c, "due time of commands that wait", c.entry("a").CommandsDueAt, due)

	task := c.claimOne()
	c.plan(pendingAt("a", 3))
	equal(c, "due time of commands that are claimed", c.entry("a").CommandsDueAt, task.Until)
	c.release(failed(task, pendingAt("a", 3), "failure"))
	due = c.entry("a").CommandsDueAt
	c.plan(pendingAt("a", 4))
	equal(c, "due time of commands that failed", c.entry("a").CommandsDueAt, due)
	equal(c, "attempts", c.entry("a").Attempts, 1)

	c.note(parkedAt("a", 5))
	c.plan(parkedAt("a", 6))
	equal(c, "parked commands are due", !c.entry("a").CommandsDueAt.IsZero(), false)
	equal(c, "attempts of parked commands", c.entry("a").Attempts, 1)
	equal(c, "reason of parked commands", c.entry("a").Reason, "failure")
}

func planForgetsAttempts(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	c.release(failed(c.claimOne(), pendingAt("a", 1), "failure"))
	c.plan(openAt("a", 2))
	none := c.entry("a")
	equal(c, "entry", none, withUpdate(openAt("a", 2), none.UpdatedAt))
	c.plan(pendingAt("a", 3))
	equal(c, "attempts of other commands", c.claimOne().Attempts, 0)
}

func planUnparks(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	c.release(failed(c.claimOne(), parkedAt("a", 2), "failure"))
	c.plan(pendingAt("a", 3))
	equal(c, "attempts", c.claimOne().Attempts, 0)
	equal(c, "reason", c.entry("a").Reason, "")
}

func overHasNoEntry(c *agendaTrial) {
	c.plan(openAt("a", 1, timer("x", 0)), pendingAt("b", 1), openAt("c", 1))
	c.plan(overAt("a", 2), overAt("b", 1), overAt("new", 1))
	equal(c, "entries", keysOf(c.entries(c.Agenda, eventstore.EntryQuery{})), []string{"c"})
	equal(c, "commands that are due", instancesOf(c.claim(10, long)), "[]")
	equal(c, "timers that are due", instancesOf(c.claimTimers(noon())), "[]")
}

func overWithCommands(c *agendaTrial) {
	over, parked := pendingAt("a", 1), parkedAt("b", 1)
	over.Over, parked.Over = true, true
	c.plan(over, parked)
	equal(c, "entry", given(c.entry("a")), over)
	equal(c, "entry", given(c.entry("b")), parked)
	c.release(eventstore.Release{Task: c.claimOne(), Entry: overAt("a", 2)})
	equal(c, "entries", keysOf(c.entries(c.Agenda, eventstore.EntryQuery{})), []string{"b"})
	c.note(overAt("b", 2))
	c.hasNone()
}

func planParksSequence(c *agendaTrial) {
	at := c.process()
	move := leaving(at, 1)
	move.Park = []eventstore.Parked{setAside("s", 1)}
	c.ok(c.Agenda.Plan(c.ctx, move, []eventstore.Entry{pendingAt("a", 1)}), "plan")
	c.entry("a")
	parked, err := c.Agenda.Parked(c.ctx, first(testProcess), eventstore.ParkedQuery{})
	c.ok(err, "list what is parked")
	equal(c, "parked sequences", len(parked), 1)
	err = c.Agenda.Plan(c.ctx, leaving(at, 2), []eventstore.Entry{pendingAt("b", 1)})
	c.fails(err, eventstore.ErrCheckpointMoved, "plan in an older epoch")
	c.plan(pendingAt("b", 1))
	c.entry("b")
}

// plansOfPartitions plans the same instances and others from several partitions at the same time. None waits for another
// for ever, and the greatest version remains.
func plansOfPartitions(c *agendaTrial) {
	const partitions = 4
	process := first(testProcess)
	c.define(process, partitions)
	begun := c.all(c.handles[0], process)
	steps := max(c.size/partitions/2, 1)
	c.race(partitions, func(i int) error {
		for at := begun[i]; at.Position < eventstore.Position(steps); at.Position++ {
			version := eventstore.Version(at.Position + 1)
			var entries []eventstore.Entry
			for n := range 4 { // each partition in an order of its own
				entries = append(entries, pendingAt(counted("shared", (n+i)%4), version))
			}
			entries = append(entries, pendingAt(counted("own", i), version), overAt(counted("shared", i), version-1))
			if err := c.agendas[i%len(c.agendas)].Plan(c.ctx, leaving(at, at.Position+1), entries); err != nil {
				return err
			}
		}
		return nil
	})
	entries := c.entries(c.Agenda, eventstore.EntryQuery{})
	equal(c, "entries", len(entries), 2*partitions)
	for _, entry := range entries {
		equal(c, "version of "+entry.Instance, entry.Version, eventstore.Version(steps))
	}
	c.is(process, eventstore.Position(steps))
}

func forgottenHasNoEntries(c *agendaTrial) {
	c.plan(pendingAt("a", 1), openAt("b", 1))
	other := first("other")
	c.define(other, 1)
	entry := pendingAt("a", 1)
	entry.Process = other.Name
	c.ok(c.Agenda.Plan(c.ctx, leaving(c.at(other, 0), 1), []eventstore.Entry{entry}), "plan")
	c.ok(c.Agenda.Forget(c.ctx, first(testProcess)), "forget")
	c.hasNone()
	entries, err := c.Agenda.Entries(c.ctx, other.Name, eventstore.EntryQuery{})
	c.ok(err, "list entries")
	equal(c, "entries of another", keysOf(entries), []string{"a"})
	c.plan(openAt("b", 1))
	equal(c, "entries", keysOf(c.entries(c.Agenda, eventstore.EntryQuery{})), []string{"b"})
}

func oddInstances(c *agendaTrial) {
	names := append(oddNames(), "-", "a-b")
	var entries []eventstore.Entry
	for i, name := range names {
		named := eventstore.Timer{Name: name, DueAt: noon()}
		entries = append(entries, pendingAt(name, eventstore.Version(i+1), named))
	}
	c.plan(entries...)
	for _, want := range entries {
		equal(c, fmt.Sprintf("entry of %q", want.Instance), given(c.entry(want.Instance)), want)
	}
	claimed := c.claim(len(names), long)
	equal(c, "claimed", len(claimed), len(names))
	for i, task := range claimed[1:] {
		c.release(eventstore.Release{Task: task, Entry: overAt(task.Instance, task.Version)})
		equal(c, "entries", len(c.entries(c.Agenda, eventstore.EntryQuery{})), len(names)-i-1)
	}
	equal(c, "the entry that remains", c.entry(claimed[0].Instance).Version, claimed[0].Version)
}

func manyInstances(c *agendaTrial) {
	const many = 2000
	entries := make([]eventstore.Entry, many)
	for i := range entries {
		entries[i] = pendingAt(counted("instance", i), eventstore.Version(i+1), timer("x", 0))
	}
	c.plan(entries...)
	c.plan(entries...)
	equal(c, "entries", len(c.entries(c.Agenda, eventstore.EntryQuery{})), many)
	claimed := c.claim(2*many, long)
	equal(c, "claimed", len(claimed), many)
	releases := make([]eventstore.Release, many)
	for i, task := range claimed {
		releases[i] = eventstore.Release{Task: task, Entry: overAt(task.Instance, task.Version)}
	}
	c.release(releases...)
	c.hasNone()
}

func endedContextEndsAgenda(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	task := c.claimOne()
	before := c.entries(c.Agenda, eventstore.EntryQuery{})
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	_, err := c.Agenda.Claim(ctx, testProcess, eventstore.DutyCommands, time.Time{}, 1, long)
	c.fails(err, context.Canceled, "Claim")
	_, err = c.Agenda.Entries(ctx, testProcess, eventstore.EntryQuery{})
	c.fails(err, context.Canceled, "Entries")
	_, err = c.Agenda.Summary(ctx, testProcess)
	c.fails(err, context.Canceled, "Summary")
	err = c.Agenda.Release(ctx, eventstore.Release{Task: task, Entry: overAt("a", 1)})
	c.fails(err, context.Canceled, "Release")
	c.fails(c.Agenda.Note(ctx, overAt("a", 1)), context.Canceled, "Note")
	err = c.Agenda.Plan(ctx, leaving(c.process(), 2), []eventstore.Entry{pendingAt("b", 1)})
	c.fails(err, context.Canceled, "Plan")
	equal(c, "entries", c.entries(c.Agenda, eventstore.EntryQuery{}), before)
}
