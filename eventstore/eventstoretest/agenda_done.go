package eventstoretest

import (
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// doneClauses hold what becomes of a claimed task.
func doneClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "done removes a task", check: doneRemoves},
		{name: "done with a greater version planned leaves a task that is due", check: doneOfOlderVersion},
		{name: "done of a task that is gone does nothing", check: doneAgain},
		{name: "a removed task can be planned again", check: planAfterDone},
		{name: "postpone makes a task due after the delay", check: postponeDelays},
		{name: "postpone counts attempts", check: postponeCounts},
		{name: "success forgets attempts", check: doneForgetsAttempts},
		{name: "postpone keeps a greater version", check: postponeKeepsVersion},
		{name: "a reason of any bytes", check: anyPostponeReason},
		{name: "racing plans and dones lose no version", check: plansRaceDones},
	}
}

func (c *agendaTrial) done(task eventstore.Task) {
	c.Helper()
	c.ok(c.Agenda.Done(c.ctx, task), "done %q at version %d", task.Instance, task.Version)
}

func (c *agendaTrial) postpone(task eventstore.Task, delay time.Duration, reason string) {
	c.Helper()
	c.ok(c.Agenda.Postpone(c.ctx, task, delay, reason), "postpone %q", task.Instance)
}

// claimOne claims the only task that is due.
func (c *agendaTrial) claimOne() eventstore.Task {
	c.Helper()
	claimed := c.claim(10, long)
	equal(c, "claimed tasks", len(claimed), 1)
	return claimed[0]
}

func doneRemoves(c *agendaTrial) {
	c.plan(versions{"a": 1})
	c.done(c.claimOne())
	for _, agenda := range c.agendas {
		equal(c, "tasks", len(c.tasks(agenda)), 0)
	}
	equal(c, "claimed", len(c.claim(10, long)), 0)
}

func doneOfOlderVersion(c *agendaTrial) {
	c.plan(versions{"a": 1})
	task := c.claimOne()
	c.plan(versions{"a": 2})
	c.done(task)
	again := c.claimOne()
	equal(c, "version", again.Version, 2)
	c.done(again)
	equal(c, "tasks", len(c.tasks(c.Agenda)), 0)
}

func doneAgain(c *agendaTrial) {
	c.plan(versions{"a": 1})
	task := c.claimOne()
	c.done(task)
	c.done(task)
	c.postpone(task, 0, "too late")
	equal(c, "tasks", len(c.tasks(c.Agenda)), 0)
}

func planAfterDone(c *agendaTrial) {
	c.plan(versions{"a": 5})
	c.done(c.claimOne())
	c.plan(versions{"a": 6})
	equal(c, "version", c.claimOne().Version, 6)
}

func postponeDelays(c *agendaTrial) {
	c.plan(versions{"a": 1})
	c.postpone(c.claimOne(), long, "not now")
	equal(c, "claimed before the delay", len(c.claim(10, long)), 0)
	if c.PassTime == nil {
		c.postpone(c.task(), moment, "soon")
		c.becomesDue()
		return
	}
	c.PassTime(long - time.Second)
	equal(c, "claimed just before the delay", len(c.claim(10, long)), 0)
	c.PassTime(2 * time.Second)
	equal(c, "claimed after the delay", len(c.claim(10, long)), 1)
}

func postponeCounts(c *agendaTrial) {
	c.plan(versions{"a": 1})
	for i := range 4 {
		task := c.claimOne()
		equal(c, "attempts", task.Attempts, i)
		c.postpone(task, 0, "")
		task = c.claimOne()
		equal(c, "attempts when one did not fail", task.Attempts, i)
		if i > 0 {
			equal(c, "reason", task.Reason, fmt.Sprint("failure ", i-1))
		}
		c.postpone(task, 0, fmt.Sprint("failure ", i))
	}
	equal(c, "attempts", c.task().Attempts, 4)
	equal(c, "reason", c.task().Reason, "failure 3")
}

func doneForgetsAttempts(c *agendaTrial) {
	c.plan(versions{"a": 1})
	c.postpone(c.claimOne(), 0, "failure")
	task := c.claimOne()
	c.plan(versions{"a": 2})
	c.done(task)
	again := c.claimOne()
	equal(c, "attempts after success", again.Attempts, 0)
	equal(c, "reason after success", again.Reason, "")
}

func postponeKeepsVersion(c *agendaTrial) {
	c.plan(versions{"a": 1})
	task := c.claimOne()
	c.plan(versions{"a": 2})
	c.postpone(task, 0, "failure")
	equal(c, "version", c.claimOne().Version, 2)
}

// anyPostponeReason postpones with texts that errors may have. A reason that is not UTF-8 without NUL may be stored as
// one that is.
func anyPostponeReason(c *agendaTrial) {
	c.plan(versions{"a": 1})
	for _, reason := range oddReasons()[1:] {
		c.postpone(c.claimOne(), 0, reason)
		c.sameReason(c.task().Reason, reason)
	}
	equal(c, "attempts", c.task().Attempts, len(oddReasons())-1)
}

// plansRaceDones plans rising versions of one instance, while others do what they find. The last version is done too.
func plansRaceDones(c *agendaTrial) {
	const workers = 3
	last := eventstore.Version(max(c.size/4, 1))
	at := c.process()
	planned := begin(c.run, "plan versions", func() error {
		for v := range last {
			if err := c.Agenda.Plan(c.ctx, leaving(at, at.Position+1), versions{"a": v + 1}); err != nil {
				return err
			}
			at.Position++
		}
		return nil
	})
	finished := make([]eventstore.Version, workers)
	c.race(workers, func(i int) error {
		for c.ctx.Err() == nil {
			over := planned.isOver()
			claimed, err := c.agendas[i%len(c.agendas)].Claim(c.ctx, testProcess, 1, long)
			if err != nil {
				return err
			}
			for _, task := range claimed {
				if err := c.agendas[i%len(c.agendas)].Done(c.ctx, task); err != nil {
					return err
				}
				finished[i] = max(finished[i], task.Version)
			}
			if over && len(claimed) == 0 {
				return nil
			}
		}
		return c.ctx.Err()
	})
	c.ok(planned.wait(), "plan versions")
	equal(c, "tasks", len(c.tasks(c.Agenda)), 0)
	equal(c, "the last version that was done", max(finished[0], finished[1], finished[2]), last)
}
