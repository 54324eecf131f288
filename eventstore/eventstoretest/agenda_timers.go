package eventstoretest

import (
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// timerClauses hold when instances are given to those who fire timers.
func timerClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "timers are due by the given time", check: timersByGivenTime},
		{name: "timers are due by the agenda's clock", check: timersByClock},
		{name: "timers and commands are apart", check: dutiesAreApart},
		{name: "timers of parked instances fire", check: parkedTimersFire},
		{name: "other timers are due at their time", check: otherTimers},
		{name: "the same timers keep their lease", check: sameTimersKeepLease},
		{name: "released timers are due when the next one is", check: releasedTimers},
		{name: "released timers are those planned meanwhile", check: releasedOlderTimers},
		{name: "a lease on timers that was taken over is left alone", check: overtakenTimers},
	}
}

func timersByGivenTime(c *agendaTrial) {
	c.plan(openAt("late", 3, timer("x", 0), timer("y", time.Hour)), openAt("early", 2, timer("x", -time.Hour)),
		openAt("later", 1, timer("x", time.Microsecond)), openAt("none", 1))
	equal(c, "claimed too early", instancesOf(c.claimTimers(noon().Add(-2*time.Hour))), "[]")
	claimed := c.claimTimers(noon())
	equal(c, "claimed", instancesOf(claimed), "[early late]")
	equal(c, "claimed task", claimed[1], eventstore.Task{
		Process: testProcess, Instance: "late", Duty: eventstore.DutyTimers, Version: 3,
		ClaimedAt: noon(), Until: noon().Add(long),
	})
	until := noon().Add(long)
	equal(c, "claimed before the lease has ended", instancesOf(c.claimTimers(until.Add(-1))), "[later]")
	equal(c, "claimed after the lease has ended", instancesOf(c.claimTimers(until)), "[early late]")
}

func timersByClock(c *agendaTrial) {
	c.plan(openAt("future", 1, eventstore.Timer{Name: "x", DueAt: time.Now().AddDate(100, 0, 0)}))
	now := c.entry("future").UpdatedAt
	c.plan(openAt("past", 1, eventstore.Timer{Name: "x", DueAt: now.Add(-time.Hour)}))
	c.plan(openAt("soon", 1, eventstore.Timer{Name: "x", DueAt: now.Add(moment)}))
	claimed := c.claimTimers(time.Time{})
	if len(claimed) == 1 { // otherwise the moment has passed
		equal(c, "claimed", instancesOf(claimed), "[past]")
	}
	task := claimed[0]
	equal(c, "the lease", task.Until, task.ClaimedAt.Add(long))
	if since := task.ClaimedAt.Sub(now); since < 0 || since > long {
		c.Fatalf("a task was claimed at %v, %v after an entry was changed", task.ClaimedAt, since)
	}
	if len(claimed) == 1 {
		c.eventually("a timer that becomes due", func() bool {
			c.pass(moment / 10)
			return instancesOf(c.claimTimers(time.Time{})) == "[soon]"
		})
	}
}

func dutiesAreApart(c *agendaTrial) {
	c.plan(pendingAt("a", 1, timer("x", 0)))
	commands := c.claimOne()
	timers := c.claimTimer(noon())
	equal(c, "attempts", timers.Attempts, 0)
	c.release(failed(commands, pendingAt("a", 1, timer("x", 0)), "failure"))
	equal(c, "timers claimed again", len(c.claimTimers(noon())), 0)
	commands = c.claimOne()
	equal(c, "attempts", commands.Attempts, 1)
	c.release(eventstore.Release{Task: timers, Entry: pendingAt("a", 2)})
	equal(c, "commands claimed again", len(c.claim(10, long)), 0)
	equal(c, "attempts", c.entry("a").Attempts, 1)
	c.release(eventstore.Release{Task: commands, Entry: overAt("a", 3)})
	c.hasNone()
}

func parkedTimersFire(c *agendaTrial) {
	c.plan(parkedAt("a", 1, timer("x", 0)))
	c.release(eventstore.Release{Task: c.claimTimer(noon()), Entry: parkedAt("a", 2)})
	equal(c, "timers claimed again", len(c.claimTimers(noon())), 0)
	equal(c, "commands claimed", len(c.claim(10, long)), 0)
	equal(c, "entry", given(c.entry("a")), parkedAt("a", 2))
}

func otherTimers(c *agendaTrial) {
	c.plan(openAt("a", 1, timer("x", 0)))
	c.plan(openAt("a", 2, timer("x", time.Hour)))
	equal(c, "claimed, of a timer that was set later", len(c.claimTimers(noon())), 0)
	c.plan(openAt("a", 3, timer("y", -time.Hour), timer("x", time.Hour)))
	c.claimTimer(noon().Add(-time.Hour))
	c.plan(openAt("a", 4, timer("y", 0)))
	c.claimTimer(noon())
	c.plan(openAt("a", 5))
	equal(c, "claimed, of no timer", len(c.claimTimers(noon().Add(2*long))), 0)
}

func sameTimersKeepLease(c *agendaTrial) {
	c.plan(pendingAt("a", 1, timer("x", 0), timer("y", time.Hour)))
	timers, commands := c.claimTimer(noon()), c.claimOne()
	c.plan(pendingAt("a", 2, timer("x", 0), timer("y", time.Hour)))
	equal(c, "claimed again", len(c.claimTimers(noon())), 0)
	c.note(pendingAt("a", 3, timer("y", time.Hour), timer("x", 0)))
	equal(c, "claimed again", len(c.claimTimers(noon())), 0)
	c.release(eventstore.Release{Task: commands, Entry: openAt("a", 4, timer("x", 0), timer("y", time.Hour))})
	equal(c, "claimed again", len(c.claimTimers(timers.Until.Add(-1))), 0)
	equal(c, "claimed after the lease", len(c.claimTimers(timers.Until)), 1)
}

func releasedTimers(c *agendaTrial) {
	c.plan(openAt("a", 1, timer("x", 0), timer("y", time.Minute)))
	c.release(eventstore.Release{Task: c.claimTimer(noon()), Entry: openAt("a", 2, timer("y", time.Minute))})
	equal(c, "claimed before the next timer", len(c.claimTimers(noon())), 0)
	task := c.claimTimer(noon().Add(time.Minute))
	equal(c, "version", task.Version, 2)
	c.release(eventstore.Release{Task: task, Entry: openAt("a", 2, timer("y", time.Minute))})
	c.release(eventstore.Release{
		Task: c.claimTimer(noon().Add(time.Minute)), Entry: openAt("a", 3), Failed: true, Reason: "of commands", Delay: long,
	})
	equal(c, "claimed, of no timer", len(c.claimTimers(noon().Add(2*long))), 0)
	equal(c, "attempts", c.entry("a").Attempts, 0)
}

func releasedOlderTimers(c *agendaTrial) {
	c.plan(openAt("a", 1, timer("x", 0), timer("y", 0)))
	task := c.claimTimer(noon())
	c.plan(openAt("a", 3, timer("x", 0), timer("y", 0))) // it still holds
	c.release(eventstore.Release{Task: task, Entry: openAt("a", 2, timer("z", time.Minute))})
	equal(c, "entry", given(c.entry("a")), openAt("a", 3, timer("x", 0), timer("y", 0)))
	equal(c, "version", c.claimTimer(noon()).Version, 3)
}

func overtakenTimers(c *agendaTrial) {
	c.plan(openAt("a", 1, timer("x", 0)))
	late := c.claimTimer(noon())
	task := c.claimTimer(late.Until)
	c.release(eventstore.Release{Task: late, Entry: openAt("a", 1, timer("x", 0))})
	equal(c, "claimed again", len(c.claimTimers(late.Until)), 0)
	c.release(eventstore.Release{Task: task, Entry: openAt("a", 1, timer("x", 0))})
	equal(c, "claimed when it is released", len(c.claimTimers(noon())), 1)
}
