package eventstoretest

import (
	"fmt"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// moment is a lease or delay whose end a clause waits for.
	moment = 50 * time.Millisecond
	// long is one whose end no clause sees unless it moves the clock.
	long = time.Hour
)

// claimClauses hold that a task that is due is given to one, and to nobody else before its lease has ended.
func claimClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "the longest due come first", check: longestDueFirst},
		{name: "a limit is kept", check: claimLimit},
		{name: "a claimed task is not given again", check: claimedIsNotGiven},
		{name: "a claimed task is due again after the lease", check: leaseEnds},
		{name: "racing claims share no task", check: racingClaims},
		{name: "racing claims get expired leases once", check: racingClaimsOfExpired},
		{name: "processes do not concern each other", check: processesAreApart},
		{name: "tasks are listed by due time", check: tasksByDueTime},
	}
}

func (c *agendaTrial) claim(limit int, lease time.Duration) []eventstore.Task {
	c.Helper()
	claimed, err := c.Agenda.Claim(c.ctx, testProcess, limit, lease)
	c.ok(err, "claim")
	return claimed
}

func instancesOf(tasks []eventstore.Task) string {
	var instances []string
	for _, task := range tasks {
		instances = append(instances, task.Instance)
	}
	return fmt.Sprint(instances)
}

// planInTurn plans instances one after another, with some time between.
func (c *agendaTrial) planInTurn(instances ...string) {
	c.Helper()
	for _, instance := range instances {
		c.plan(versions{instance: 1})
		c.pass(2 * time.Millisecond)
	}
}

func longestDueFirst(c *agendaTrial) {
	c.planInTurn("c", "a", "d", "b")
	equal(c, "claimed", instancesOf(c.claim(2, long)), "[c a]")
	equal(c, "claimed then", instancesOf(c.claim(10, long)), "[d b]")
}

func claimLimit(c *agendaTrial) {
	c.planInTurn("a", "b", "c")
	equal(c, "claimed", len(c.claim(2, long)), 2)
	equal(c, "claimed then", len(c.claim(2, long)), 1)
	equal(c, "claimed at last", len(c.claim(2, long)), 0)
}

func claimedIsNotGiven(c *agendaTrial) {
	c.plan(versions{"a": 7})
	for _, task := range c.claim(10, long) {
		want := eventstore.Task{Process: testProcess, Instance: "a", Version: 7, DueAt: task.DueAt}
		equal(c, "claimed task", task, want)
	}
	for _, agenda := range c.agendas {
		claimed, err := agenda.Claim(c.ctx, testProcess, 10, long)
		c.ok(err, "claim")
		equal(c, "claimed again", len(claimed), 0)
		equal(c, "tasks", len(c.tasks(agenda)), 1)
	}
	if c.PassTime != nil {
		c.PassTime(long - time.Second)
		equal(c, "claimed before the lease has ended", len(c.claim(10, long)), 0)
		c.PassTime(2 * time.Second)
		equal(c, "claimed after the lease has ended", len(c.claim(10, long)), 1)
	}
}

func leaseEnds(c *agendaTrial) {
	c.plan(versions{"a": 1})
	for range 3 {
		equal(c, "claimed", instancesOf(c.claim(10, moment)), "[a]")
		begun := time.Now()
		c.becomesDue()
		if took := time.Since(begun); c.PassTime == nil && took < moment/2 {
			c.Fatalf("a task claimed for %v was due again after %v", moment, took)
		}
	}
}

// becomesDue lets time pass until the only task is due.
func (c *agendaTrial) becomesDue() {
	c.Helper()
	c.eventually("a task that is due again", func() bool {
		c.pass(moment / 10)
		return len(c.claim(10, 0)) == 1
	})
}

func racingClaims(c *agendaTrial) {
	const racers = 6
	instances := make(versions, c.size)
	for i := range c.size {
		instances[counted("instance", i)] = 1
	}
	c.plan(instances)
	c.claimEverythingOnce(racers, c.size)
}

// claimEverythingOnce lets racers claim until all tasks are claimed, and ends the clause when one is claimed twice.
func (c *agendaTrial) claimEverythingOnce(racers, total int) {
	c.Helper()
	var mu sync.Mutex
	claimed := make(map[string]int)
	c.race(racers, func(i int) error {
		for c.ctx.Err() == nil {
			tasks, err := c.agendas[i%len(c.agendas)].Claim(c.ctx, testProcess, 1+i, long)
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
	instances := make(versions, total)
	for i := range total {
		instances[counted("instance", i)] = 1
	}
	c.plan(instances)
	equal(c, "claimed", len(c.claim(total, moment)), total)
	c.pass(2 * moment)
	c.claimEverythingOnce(4, total)
}

func processesAreApart(c *agendaTrial) {
	for i, process := range []string{"a", "A", "b"} {
		c.define(first(process), 1)
		move := leaving(c.at(first(process), 0), 1)
		c.ok(c.Agenda.Plan(c.ctx, move, versions{"same": eventstore.Version(i + 1)}), "plan")
	}
	claimed, err := c.Agenda.Claim(c.ctx, "a", 10, long)
	c.ok(err, "claim")
	equal(c, "claimed", len(claimed), 1)
	equal(c, "process of the claimed task", claimed[0].Process, "a")
	equal(c, "version of the claimed task", claimed[0].Version, 1)
	c.done(claimed[0])
	for process, want := range map[string]int{"a": 0, "A": 1, "b": 1, "c": 0} {
		tasks, err := c.Agenda.Tasks(c.ctx, process)
		c.ok(err, "list tasks")
		equal(c, fmt.Sprintf("tasks of %q", process), len(tasks), want)
	}
}

func tasksByDueTime(c *agendaTrial) {
	c.planInTurn("c", "a", "b")
	equal(c, "tasks", instancesOf(c.tasks(c.Agenda)), "[c a b]")
	equal(c, "claimed", instancesOf(c.claim(1, long)), "[c]")
	equal(c, "tasks when the first is claimed", instancesOf(c.tasks(c.Agenda)), "[a b c]")
	a := c.claim(1, long)[0]
	c.postpone(a, 2*long, "later")
	equal(c, "tasks when another is postponed", instancesOf(c.tasks(c.Agenda)), "[b c a]")
}
