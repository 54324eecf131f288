package eventstoretest

import (
	"fmt"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// claimClauses hold that what is due is given to one, and to nobody else before the lease has ended.
func claimClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "the longest due come first", check: longestDueFirst},
		{name: "a limit is kept", check: claimLimit},
		{name: "a claimed task is not given again", check: claimedIsNotGiven},
		{name: "a claimed task is due again after the lease", check: leaseEnds},
		{name: "racing claims share no task", check: racingClaims},
		{name: "racing claims get expired leases once", check: racingClaimsOfExpired},
		{name: "processes do not concern each other", check: processesAreApart},
		{name: "nothing is due where nothing is to be done", check: nothingIsDue},
	}
}

func longestDueFirst(c *agendaTrial) {
	c.planInTurn("c", "a", "d", "b")
	equal(c, "claimed", instancesOf(c.claim(2, long)), "[c a]")
	equal(c, "claimed then", instancesOf(c.claim(10, long)), "[d b]")
}

func claimLimit(c *agendaTrial) {
	c.planInTurn("a", "b", "c")
	equal(c, "claimed with limit 0", len(c.claim(0, long)), 0)
	equal(c, "claimed", len(c.claim(2, long)), 2)
	equal(c, "claimed then", len(c.claim(2, long)), 1)
	equal(c, "claimed at last", len(c.claim(2, long)), 0)
}

func claimedIsNotGiven(c *agendaTrial) {
	c.plan(pendingAt("a", 7))
	task := c.claimOne()
	equal(c, "claimed task", task, eventstore.Task{
		Process: testProcess, Instance: "a", Duty: eventstore.DutyCommands, Version: 7,
		ClaimedAt: task.ClaimedAt, Until: task.ClaimedAt.Add(long),
	})
	equal(c, "the commands are due when the lease ends", c.entry("a").CommandsDueAt, task.Until)
	for _, agenda := range c.agendas {
		claimed, err := agenda.Claim(c.ctx, testProcess, eventstore.DutyCommands, noon(), 10, long)
		c.ok(err, "claim")
		equal(c, "claimed again", len(claimed), 0)
	}
	if c.PassTime != nil {
		c.PassTime(long - time.Second)
		equal(c, "claimed before the lease has ended", len(c.claim(10, long)), 0)
		c.PassTime(2 * time.Second)
		equal(c, "claimed after the lease has ended", len(c.claim(10, long)), 1)
	}
}

func leaseEnds(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	for range 3 {
		equal(c, "claimed", instancesOf(c.claim(10, moment)), "[a]")
		begun := time.Now()
		c.becomesDue()
		if took := time.Since(begun); c.PassTime == nil && took < moment/2 {
			c.Fatalf("a task claimed for %v was due again after %v", moment, took)
		}
	}
}

// becomesDue lets time pass until the only task is due, and leaves it so.
func (c *agendaTrial) becomesDue() {
	c.Helper()
	c.eventually("a task that is due again", func() bool {
		c.pass(moment / 10)
		return len(c.claim(10, time.Microsecond)) == 1
	})
	c.pass(time.Millisecond)
}

func racingClaims(c *agendaTrial) {
	for _, duty := range []eventstore.Duty{eventstore.DutyCommands, eventstore.DutyTimers} {
		var entries []eventstore.Entry
		for i := range c.size {
			entries = append(entries, pendingAt(counted("instance", i), 1, timer("x", -time.Duration(i))))
		}
		c.plan(entries...)
		c.claimEverythingOnce(duty, 6, c.size)
	}
}

// claimEverythingOnce lets racers claim until all tasks are claimed, and ends the clause when one is claimed twice.
func (c *agendaTrial) claimEverythingOnce(duty eventstore.Duty, racers, total int) {
	c.Helper()
	var mu sync.Mutex
	claimed := make(map[string]int)
	c.race(racers, func(i int) error {
		for c.ctx.Err() == nil {
			tasks, err := c.agendas[i%len(c.agendas)].Claim(c.ctx, testProcess, duty, noon(), 1+i, long)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, task := range tasks {
				claimed[task.Instance]++
			}
			all := len(claimed) == total
			mu.Unlock()
			if all {
				return nil
			}
		}
		return c.ctx.Err()
	})
	for instance, times := range claimed {
		equal(c, "claims of "+instance, times, 1)
	}
}

func racingClaimsOfExpired(c *agendaTrial) {
	const total = 20
	var entries []eventstore.Entry
	for i := range total {
		entries = append(entries, pendingAt(counted("instance", i), 1))
	}
	c.plan(entries...)
	equal(c, "claimed", len(c.claim(total, moment)), total)
	c.pass(2 * moment)
	c.claimEverythingOnce(eventstore.DutyCommands, 4, total)
}

func processesAreApart(c *agendaTrial) {
	entry := func(process string, version eventstore.Version) eventstore.Entry {
		entry := pendingAt("same", version, timer("x", 0))
		entry.Process = process
		return entry
	}
	for i, process := range []string{"a", "A", "b"} {
		c.define(first(process), 1)
		move := leaving(c.at(first(process), 0), 1)
		c.ok(c.Agenda.Plan(c.ctx, move, []eventstore.Entry{entry(process, eventstore.Version(i+1))}), "plan")
	}
	for _, duty := range []eventstore.Duty{eventstore.DutyTimers, eventstore.DutyCommands} {
		claimed, err := c.Agenda.Claim(c.ctx, "a", duty, noon(), 10, long)
		c.ok(err, "claim")
		equal(c, "claimed", len(claimed), 1)
		equal(c, "process of the claimed task", claimed[0].Process, "a")
		equal(c, "version of the claimed task", claimed[0].Version, 1)
		c.release(eventstore.Release{Task: claimed[0], Entry: entry("a", 1)})
	}
	over := entry("a", 2)
	over.Over, over.Pending = true, false
	c.note(over)
	for process, want := range map[string]int{"a": 0, "A": 1, "b": 1, "c": 0} {
		entries, err := c.Agenda.Entries(c.ctx, process, eventstore.EntryQuery{})
		c.ok(err, "list entries")
		equal(c, fmt.Sprintf("entries of %q", process), len(entries), want)
		summary, err := c.Agenda.Summary(c.ctx, process)
		c.ok(err, "count entries")
		equal(c, fmt.Sprintf("open instances of %q", process), summary.Open, want)
	}
}

func nothingIsDue(c *agendaTrial) {
	c.plan(openAt("a", 1), parkedAt("b", 1), openAt("c", 1, timer("x", time.Microsecond)))
	equal(c, "claimed", instancesOf(c.claim(10, long)), "[]")
	equal(c, "timers claimed", instancesOf(c.claimTimers(noon())), "[]")
	c.note(openAt("b", 2))
	equal(c, "claimed", instancesOf(c.claim(10, long)), "[]")
}
