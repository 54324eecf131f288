package eventstoretest

import (
	"errors"
	"strings"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

var errShared = errors.New("two have one task at the same time")

// refusedByAgendaClauses hold that what makes no sense is refused by every method that is given it.
func refusedByAgendaClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "entries that are invalid", check: invalidEntries},
		{name: "entries at their limits are taken in", check: entriesAtLimits},
		{name: "entries of another process or instance", check: entriesOfOthers},
		{name: "claims that are invalid", check: invalidClaims},
		{name: "releases that are invalid", check: invalidReleases},
		{name: "queries that are invalid", check: invalidQueries},
	}
}

// takesNothingIn ends the clause unless an entry is refused wherever it is given.
func (c *agendaTrial) takesNothingIn(entry eventstore.Entry) {
	c.Helper()
	at := c.process()
	err := c.Agenda.Plan(c.ctx, leaving(at, at.Position+1), []eventstore.Entry{openAt("valid", 1), entry})
	c.fails(err, eventstore.ErrInvalid, "plan %.200q", entry.Instance)
	c.fails(c.Agenda.Note(c.ctx, entry), eventstore.ErrInvalid, "note %.200q", entry.Instance)
	task := eventstore.Task{Process: entry.Process, Instance: entry.Instance}
	err = c.Agenda.Release(c.ctx, eventstore.Release{Task: task, Entry: entry})
	c.fails(err, eventstore.ErrInvalid, "release %.200q", entry.Instance)
	c.is(first(testProcess), 0)
	c.hasNone()
}

func invalidEntries(c *agendaTrial) {
	for _, key := range []string{"", "a\x00", "a\xff", strings.Repeat("k", eventstore.MaxStreamIDBytes)} {
		c.takesNothingIn(openAt(key, 1))
	}
	c.takesNothingIn(openAt("a", -1))
	for _, process := range []string{"", "a\x00", strings.Repeat("p", eventstore.MaxConsumerBytes+1)} {
		entry := openAt("a", 1)
		entry.Process = process
		c.takesNothingIn(entry)
	}
	for _, name := range []string{"", "a\x00", "a\xff", strings.Repeat("n", eventstore.MaxTimerBytes+1)} {
		c.takesNothingIn(openAt("a", 1, timer("valid", 0), timer(name, 0)))
	}
	c.takesNothingIn(openAt("a", 1, timer("x", 0), timer("x", time.Hour)))
	for _, due := range []time.Time{{}, noon().AddDate(10_000, 0, 0), noon().AddDate(-10_000, 0, 0)} {
		c.takesNothingIn(openAt("a", 1, eventstore.Timer{Name: "x", DueAt: due}))
	}
	c.takesNothingIn(openAt("a", 1, manyTimers(eventstore.MaxTimers+1)...))
}

func manyTimers(n int) []eventstore.Timer {
	timers := make([]eventstore.Timer, n)
	for i := range timers {
		timers[i] = timer(counted("timer", i), time.Duration(i)*time.Second)
	}
	return timers
}

func entriesAtLimits(c *agendaTrial) {
	c.process()
	for _, want := range []eventstore.Entry{
		openAt("a", 0),
		openAt("b", 1<<62, timer(strings.Repeat("n", eventstore.MaxTimerBytes), 0)),
		openAt("c", 1, manyTimers(eventstore.MaxTimers)...),
		openAt("d", 1, eventstore.Timer{Name: "x", DueAt: time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)}),
		openAt(strings.Repeat("k", eventstore.MaxStreamIDBytes-1), 1,
			eventstore.Timer{Name: "x", DueAt: time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)}),
	} {
		c.note(want)
		equal(c, "entry", given(c.entry(want.Instance)), want)
	}
}

func entriesOfOthers(c *agendaTrial) {
	at := c.process()
	other := openAt("a", 1)
	other.Process = "other"
	err := c.Agenda.Plan(c.ctx, leaving(at, 1), []eventstore.Entry{openAt("b", 1), other})
	c.fails(err, eventstore.ErrInvalid, "plan an entry of another process")
	for _, entry := range []eventstore.Entry{other, openAt("b", 1)} {
		task := eventstore.Task{Process: testProcess, Instance: "a"}
		err := c.Agenda.Release(c.ctx, eventstore.Release{Task: task, Entry: entry})
		c.fails(err, eventstore.ErrInvalid, "release an entry that is not the task's")
	}
	c.hasNone()
	c.is(first(testProcess), 0)
}

func invalidClaims(c *agendaTrial) {
	c.plan(pendingAt("a", 1, timer("x", 0)))
	for _, k := range []struct {
		process string
		duty    eventstore.Duty
		limit   int
		lease   time.Duration
	}{
		{"", eventstore.DutyCommands, 1, long},
		{"a\x00", eventstore.DutyTimers, 1, long},
		{testProcess, eventstore.DutyTimers + 1, 1, long},
		{testProcess, -1, 1, long},
		{testProcess, eventstore.DutyCommands, -1, long},
		{testProcess, eventstore.DutyTimers, 1, 0},
		{testProcess, eventstore.DutyCommands, 1, -long},
	} {
		_, err := c.Agenda.Claim(c.ctx, k.process, k.duty, noon(), k.limit, k.lease)
		c.fails(err, eventstore.ErrInvalid, "claim %+v", k)
	}
	c.claimOne()
	c.claimTimer(noon())
}

func invalidReleases(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	task := c.claimOne()
	before := c.entry("a")
	odd := task
	odd.Duty = 2
	for _, release := range []eventstore.Release{
		{Task: task, Entry: overAt("a", 2), Delay: -1},
		{Task: odd, Entry: overAt("a", 2)},
		{Task: task},
	} {
		err := c.Agenda.Release(c.ctx, eventstore.Release{Task: task, Entry: overAt("a", 2)}, release)
		c.fails(err, eventstore.ErrInvalid, "release %+v", release)
	}
	equal(c, "entry", c.entry("a"), before)
}

func invalidQueries(c *agendaTrial) {
	for _, query := range []eventstore.EntryQuery{{Limit: -1}, {Instance: "a\x00"}, {After: "\xff"}} {
		_, err := c.Agenda.Entries(c.ctx, testProcess, query)
		c.fails(err, eventstore.ErrInvalid, "list entries by %+v", query)
	}
	_, err := c.Agenda.Entries(c.ctx, "", eventstore.EntryQuery{})
	c.fails(err, eventstore.ErrInvalid, "list entries of no process")
	_, err = c.Agenda.Summary(c.ctx, "")
	c.fails(err, eventstore.ErrInvalid, "count entries of no process")
}
