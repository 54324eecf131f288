package eventstoretest

import (
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// agendaRaceClauses hold that no work is lost where many plan and work at once.
func agendaRaceClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "racing plans and releases lose no version", check: plansRaceReleases},
		{name: "racing releases and notes wait for each other in one order", check: releasesRaceNotes},
	}
}

// plansRaceReleases plans rising versions of one instance, while others release what they find, at the version that they
// find. The last version is released too, and nobody has a task while another has it.
func plansRaceReleases(c *agendaTrial) {
	const workers = 3
	last := eventstore.Version(max(c.size/4, 1))
	at := c.process()
	planned := begin(c.run, "plan versions", func() error {
		for v := range last {
			if err := c.Agenda.Plan(c.ctx, leaving(at, at.Position+1), []eventstore.Entry{pendingAt("a", v+1)}); err != nil {
				return err
			}
			at.Position++
		}
		return nil
	})
	var working sync.Mutex
	finished := make([]eventstore.Version, workers)
	c.race(workers, func(i int) error {
		agenda := c.agendas[i%len(c.agendas)]
		for c.ctx.Err() == nil {
			over := planned.isOver()
			claimed, err := agenda.Claim(c.ctx, testProcess, eventstore.DutyCommands, time.Time{}, 1, long)
			if err != nil {
				return err
			}
			for _, task := range claimed {
				if !working.TryLock() {
					return errShared
				}
				finished[i] = max(finished[i], task.Version)
				working.Unlock()
				if err := agenda.Release(c.ctx, eventstore.Release{Task: task, Entry: overAt("a", task.Version)}); err != nil {
					return err
				}
			}
			if over && len(claimed) == 0 {
				return nil
			}
		}
		return c.ctx.Err()
	})
	c.ok(planned.wait(), "plan versions")
	c.hasNone()
	equal(c, "the last version that was released", max(finished[0], finished[1], finished[2]), last)
}

// releasesRaceNotes releases the same instances from several places, each in an order of its own, while others note them.
func releasesRaceNotes(c *agendaTrial) {
	const racers, shared = 6, 8
	c.process()
	c.race(racers, func(i int) error {
		agenda := c.agendas[i%len(c.agendas)]
		for step := range max(c.size/racers, 1) {
			var releases []eventstore.Release
			for n := range shared {
				key, version := counted("i", (n*(2*i+1)+step)%shared), eventstore.Version(step+1)
				entry := pendingAt(key, version)
				entry.Over, entry.Pending = (n+step)%3 == 0, (n+step)%3 != 0
				releases = append(releases, eventstore.Release{
					Task: eventstore.Task{Process: testProcess, Instance: key}, Entry: entry,
				})
			}
			if err := agenda.Release(c.ctx, releases...); err != nil {
				return err
			}
			if err := agenda.Note(c.ctx, releases[0].Entry); err != nil {
				return err
			}
		}
		return nil
	})
}
