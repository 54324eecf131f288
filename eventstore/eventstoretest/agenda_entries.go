package eventstoretest

import (
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// entryClauses hold what is told of entries.
func entryClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "entries are listed by instance", check: entriesByInstance},
		{name: "entries are listed page by page", check: pagesOfEntries},
		{name: "entries are selected", check: entriesAreSelected},
		{name: "timers are in their order", check: timersInOrder},
		{name: "a summary counts", check: summaryCounts},
		{name: "a summary tells what is overdue", check: summaryTellsOverdue},
	}
}

func entriesByInstance(c *agendaTrial) {
	c.plan(openAt("b", 1), openAt("a", 1), openAt("B", 1), openAt("ä", 1), openAt("aa", 1))
	for _, agenda := range c.agendas {
		equal(c, "instances", keysOf(c.entries(agenda, eventstore.EntryQuery{})), []string{"B", "a", "aa", "b", "ä"})
	}
}

func pagesOfEntries(c *agendaTrial) {
	var want, got []string
	for i := range 25 {
		c.plan(openAt(counted("i", i), 1))
		want = append(want, counted("i", i))
	}
	slices.Sort(want)
	query := eventstore.EntryQuery{Limit: 10}
	for _, length := range []int{10, 10, 5, 0} {
		page := keysOf(c.entries(c.Agenda, query))
		equal(c, "length of a page", len(page), length)
		if length > 0 {
			query.After = page[length-1]
		}
		got = append(got, page...)
	}
	equal(c, "instances", got, want)
}

func entriesAreSelected(c *agendaTrial) {
	c.plan(openAt("open", 1), pendingAt("pending", 1), parkedAt("parked", 1), openAt("timer", 1, timer("x", 0)),
		pendingAt("both", 1, timer("x", 0)))
	for _, k := range []struct {
		query eventstore.EntryQuery
		want  []string
	}{
		{eventstore.EntryQuery{Pending: true}, []string{"both", "parked", "pending"}},
		{eventstore.EntryQuery{Parked: true}, []string{"parked"}},
		{eventstore.EntryQuery{WithTimers: true}, []string{"both", "timer"}},
		{eventstore.EntryQuery{Pending: true, WithTimers: true}, []string{"both"}},
		{eventstore.EntryQuery{Pending: true, After: "both", Limit: 1}, []string{"parked"}},
		{eventstore.EntryQuery{Instance: "open"}, []string{"open"}},
		{eventstore.EntryQuery{Instance: "open", After: "both"}, []string{"open"}},
		{eventstore.EntryQuery{Instance: "open", After: "open"}, nil},
		{eventstore.EntryQuery{Instance: "open", Pending: true}, nil},
		{eventstore.EntryQuery{Instance: "absent"}, nil},
	} {
		for _, agenda := range c.agendas {
			equal(c, "selected", keysOf(c.entries(agenda, k.query)), k.want)
		}
	}
}

func timersInOrder(c *agendaTrial) {
	late, early, same := timer("late", time.Hour), timer("z", 0), timer("a", time.Minute)
	other := timer("b", time.Minute+999*time.Nanosecond)
	zone := time.FixedZone("elsewhere", 3600)
	entry := openAt("a", 1, late, other, early, same)
	for i := range entry.Timers {
		entry.Timers[i].DueAt = entry.Timers[i].DueAt.In(zone)
	}
	c.plan(entry)
	other.DueAt = same.DueAt // to the microsecond
	equal(c, "timers", c.entry("a").Timers, []eventstore.Timer{early, same, other, late})
	equal(c, "the timers that were given", entry.Timers[0].Name, "late")
}

func summaryCounts(c *agendaTrial) {
	c.process()
	equal(c, "summary of nothing", c.summary(), eventstore.AgendaSummary{})
	c.plan(openAt("open", 1), pendingAt("pending", 1), parkedAt("parked", 1), openAt("timer", 1, timer("x", 0)),
		pendingAt("both", 1, timer("x", 0)), overAt("over", 1))
	got := c.summary()
	got.Overdue = 0
	equal(c, "summary", got, eventstore.AgendaSummary{Open: 5, Pending: 3, Parked: 1, WithTimers: 2})
}

func (c *agendaTrial) summary() eventstore.AgendaSummary {
	c.Helper()
	summary, err := c.Agenda.Summary(c.ctx, testProcess)
	c.ok(err, "count the entries")
	return summary
}

func summaryTellsOverdue(c *agendaTrial) {
	future := eventstore.Timer{Name: "x", DueAt: time.Now().AddDate(100, 0, 0)}
	c.plan(openAt("open", 1), parkedAt("parked", 1), openAt("timer", 1, future))
	c.pass(moment)
	equal(c, "overdue when nothing is due", c.summary().Overdue, 0)
	c.plan(pendingAt("a", 1))
	c.pass(moment)
	if overdue := c.summary().Overdue; overdue < moment/2 || overdue > long/2 {
		c.Fatalf("commands that have waited for %v are overdue for %v", moment, overdue)
	}
	task := c.claimOne()
	equal(c, "overdue when it is claimed", c.summary().Overdue, 0)
	c.release(eventstore.Release{Task: task, Entry: openAt("a", 2)})
	c.plan(openAt("past", 1, eventstore.Timer{Name: "x", DueAt: c.entry("open").UpdatedAt.Add(-long)}))
	if overdue := c.summary().Overdue; overdue < long || overdue > 2*long {
		c.Fatalf("a timer that is due for %v and a little is overdue for %v", long, overdue)
	}
}
