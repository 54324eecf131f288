package eventstoretest

import (
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// releaseClauses hold what becomes of claimed commands.
func releaseClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "a release without commands leaves nothing to do", check: releaseLeavesNothing},
		{name: "a release makes commands due after the delay", check: releaseDelays},
		{name: "a release counts attempts", check: releaseCounts},
		{name: "progress begins attempts anew", check: progressForgetsAttempts},
		{name: "a release that parks tells why", check: releaseParks},
		{name: "a release of an older version ends the lease", check: releaseOfOlder},
		{name: "a lease that was taken over is left alone", check: overtakenRelease},
		{name: "a release tells of a greater version whose lease it is", check: overtakenTakesIn},
		{name: "a release of what is gone takes in what is to be done", check: releaseOfGone},
		{name: "many releases in one call", check: manyReleases},
		{name: "several releases of one instance in one call", check: releasesOfOne},
		{name: "a reason of any bytes", check: anyReleaseReason},
	}
}

// failed returns the release of a task whose first command failed and is to be tried again at once.
func failed(task eventstore.Task, entry eventstore.Entry, reason string) eventstore.Release {
	return eventstore.Release{Task: task, Entry: entry, Failed: true, Reason: reason}
}

func releaseLeavesNothing(c *agendaTrial) {
	c.plan(pendingAt("a", 1), pendingAt("b", 1))
	for _, task := range c.claim(10, long) {
		entry := openAt(task.Instance, 2)
		entry.Over = task.Instance == "b"
		c.release(eventstore.Release{Task: task, Entry: entry, Progress: true})
	}
	for _, agenda := range c.agendas {
		equal(c, "entries", keysOf(c.entries(agenda, eventstore.EntryQuery{})), []string{"a"})
	}
	entry := c.entry("a")
	equal(c, "entry", entry, withUpdate(openAt("a", 2), entry.UpdatedAt))
	equal(c, "claimed", len(c.claim(10, long)), 0)
	c.plan(pendingAt("a", 3), pendingAt("b", 3))
	equal(c, "claimed when they are planned again", len(c.claim(10, long)), 2)
}

func releaseDelays(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	release := eventstore.Release{Task: c.claimOne(), Entry: pendingAt("a", 1), Delay: long}
	c.release(release)
	equal(c, "claimed before the delay", len(c.claim(10, long)), 0)
	release.Task.Until, release.Delay = c.entry("a").CommandsDueAt, moment
	c.release(release)
	if c.PassTime == nil {
		c.becomesDue()
		return
	}
	c.PassTime(moment - time.Millisecond)
	equal(c, "claimed just before the delay", len(c.claim(10, long)), 0)
	c.PassTime(2 * time.Millisecond)
	equal(c, "claimed after the delay", len(c.claim(10, long)), 1)
}

func releaseCounts(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	for i := range 4 {
		task := c.claimOne()
		equal(c, "attempts", task.Attempts, i)
		c.release(eventstore.Release{Task: task, Entry: pendingAt("a", 1), Reason: "not failed"})
		equal(c, "reason when it did not fail", c.entry("a").Reason, counted("failure", i-1)[:min(i, 1)*len("failure-0")])
		task = c.claimOne()
		equal(c, "attempts when it did not fail", task.Attempts, i)
		c.release(failed(task, pendingAt("a", 1), counted("failure", i)))
		equal(c, "attempts", c.entry("a").Attempts, i+1)
		equal(c, "reason", c.entry("a").Reason, counted("failure", i))
	}
}

func progressForgetsAttempts(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	for range 2 {
		c.release(failed(c.claimOne(), pendingAt("a", 1), "failure"))
	}
	release := failed(c.claimOne(), pendingAt("a", 2), "of the next one")
	release.Progress = true
	c.release(release)
	equal(c, "attempts when the next one failed", c.entry("a").Attempts, 1)
	equal(c, "reason", c.entry("a").Reason, "of the next one")
	c.release(eventstore.Release{Task: c.claimOne(), Entry: pendingAt("a", 3), Progress: true})
	equal(c, "attempts when the next one was not tried", c.entry("a").Attempts, 0)
	equal(c, "reason", c.entry("a").Reason, "")

	c.release(failed(c.claimOne(), pendingAt("a", 3), "failure"))
	release = failed(c.claimOne(), openAt("a", 4), "of what is not there any more")
	c.release(release)
	equal(c, "attempts of no commands", c.entry("a").Attempts, 0)
	equal(c, "reason", c.entry("a").Reason, "")
}

func releaseParks(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	c.release(failed(c.claimOne(), pendingAt("a", 1), "one"))
	release := failed(c.claimOne(), parkedAt("a", 2), "two")
	release.Delay = time.Millisecond
	c.release(release)
	c.pass(moment)
	entry := c.entry("a")
	equal(c, "entry", given(entry), parkedAt("a", 2))
	equal(c, "attempts", entry.Attempts, 2)
	equal(c, "reason", entry.Reason, "two")
	equal(c, "commands are due", !entry.CommandsDueAt.IsZero(), false)
	equal(c, "claimed", len(c.claim(10, long)), 0)
}

func releaseOfOlder(c *agendaTrial) {
	for _, older := range []eventstore.Entry{overAt("a", 2), openAt("a", 2), pendingAt("a", 2)} {
		c.plan(pendingAt("a", 1, timer("x", 0)))
		task := c.claimOne()
		c.plan(pendingAt("a", 3, timer("y", 0)))
		c.release(eventstore.Release{Task: task, Entry: older, Failed: true, Reason: "failure", Delay: long})
		entry := c.entry("a")
		equal(c, "entry", given(entry), pendingAt("a", 3, timer("y", 0)))
		equal(c, "attempts", entry.Attempts, 1)
		equal(c, "reason", entry.Reason, "failure")
		equal(c, "claimed before the delay", len(c.claim(10, long)), 0)

		task.Until = entry.CommandsDueAt
		c.release(eventstore.Release{Task: task, Entry: older, Progress: true})
		task = c.claimOne()
		equal(c, "version", task.Version, 3)
		equal(c, "attempts", task.Attempts, 0)
		c.release(eventstore.Release{Task: task, Entry: overAt("a", 4)})
		c.hasNone()
	}
}

// overtake claims commands twice, as the first lease has ended.
func (c *agendaTrial) overtake() (late, task eventstore.Task) {
	c.Helper()
	claimed := c.claim(10, moment)
	equal(c, "claimed tasks", len(claimed), 1)
	c.eventually("the end of a lease", func() bool {
		c.pass(moment / 10)
		again := c.claim(10, long)
		if len(again) == 1 {
			task = again[0]
		}
		return len(again) == 1
	})
	return claimed[0], task
}

func overtakenRelease(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	late, task := c.overtake()
	c.release(failed(late, pendingAt("a", 1), "too late"))
	c.release(eventstore.Release{Task: late, Entry: pendingAt("a", 0), Failed: true, Reason: "too late", Delay: 2 * long})
	equal(c, "claimed again", len(c.claim(10, long)), 0)
	equal(c, "the lease", c.entry("a").CommandsDueAt, task.Until)
	equal(c, "attempts", c.entry("a").Attempts, 0)
	late.Until = time.Time{}
	c.release(failed(late, pendingAt("a", 1), "of no lease"))
	equal(c, "attempts", c.entry("a").Attempts, 0)
	c.release(failed(task, pendingAt("a", 1), "in time"))
	equal(c, "reason", c.entry("a").Reason, "in time")
	c.claimOne()
}

func overtakenTakesIn(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	late, task := c.overtake()
	c.release(eventstore.Release{Task: late, Entry: pendingAt("a", 2, timer("x", 0)), Progress: true})
	equal(c, "entry", given(c.entry("a")), pendingAt("a", 2, timer("x", 0)))
	equal(c, "claimed again", len(c.claim(10, long)), 0)
	c.release(eventstore.Release{Task: late, Entry: overAt("a", 3)})
	c.hasNone()
	c.release(eventstore.Release{Task: task, Entry: overAt("a", 3)})
	c.hasNone()
}

func releaseOfGone(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	task := c.claimOne()
	c.note(overAt("a", 2))
	c.release(eventstore.Release{Task: task, Entry: overAt("a", 2)})
	c.hasNone()
	c.release(eventstore.Release{Task: task, Entry: openAt("a", 1)}) // which nobody would claim, and find that it is over
	c.hasNone()
	c.release(failed(task, pendingAt("a", 3, timer("x", 0)), "failure"))
	entry := c.entry("a")
	equal(c, "entry", given(entry), pendingAt("a", 3, timer("x", 0)))
	equal(c, "attempts", entry.Attempts, 0)
	equal(c, "version", c.claimOne().Version, 3)
	c.claimTimer(noon())
}

func manyReleases(c *agendaTrial) {
	var entries []eventstore.Entry
	for i := range 100 {
		entries = append(entries, pendingAt(counted("i", i), 1))
	}
	c.plan(entries...)
	var releases []eventstore.Release
	for _, task := range c.claim(1000, long) {
		releases = append(releases, failed(task, pendingAt(task.Instance, 1), "failure of "+task.Instance))
	}
	c.release(releases...)
	for _, entry := range c.entries(c.Agenda, eventstore.EntryQuery{}) {
		equal(c, "attempts", entry.Attempts, 1)
		equal(c, "reason", entry.Reason, "failure of "+entry.Instance)
	}
	equal(c, "claimed", len(c.claim(1000, long)), 100)
	c.release()
}

func releasesOfOne(c *agendaTrial) {
	for _, turned := range []bool{false, true} {
		c.plan(pendingAt("a", 1, timer("x", 0)))
		late, task := c.overtake()
		releases := []eventstore.Release{
			failed(late, pendingAt("a", 1, timer("x", 0)), "too late"),
			failed(task, pendingAt("a", 3, timer("y", time.Hour)), "in time"),
			{Task: c.claimTimer(noon()), Entry: pendingAt("a", 2, timer("y", time.Hour))},
		}
		if turned {
			releases[0], releases[2] = releases[2], releases[0]
		}
		c.release(releases...)
		entry := c.entry("a")
		equal(c, "entry", given(entry), pendingAt("a", 3, timer("y", time.Hour)))
		equal(c, "attempts", entry.Attempts, 1)
		equal(c, "reason", entry.Reason, "in time")
		c.claimOne()
		equal(c, "timers claimed too early", len(c.claimTimers(noon())), 0)
		c.claimTimer(noon().Add(time.Hour))
		c.note(overAt("a", 4))
	}
}

// anyReleaseReason releases with texts that errors may have. A reason that is not UTF-8 without NUL may be stored as one
// that is.
func anyReleaseReason(c *agendaTrial) {
	c.plan(pendingAt("a", 1))
	for _, reason := range oddReasons() {
		c.release(failed(c.claimOne(), pendingAt("a", 1), reason))
		c.sameReason(c.entry("a").Reason, reason)
	}
	equal(c, "attempts", c.entry("a").Attempts, len(oddReasons()))
}
