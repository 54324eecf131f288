package eventstoretest

import (
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// noHolesClauses hold: the versions of a stream are 1, 2, 3 and so on, whatever is rolled back or killed.
func noHolesClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "versions after conflicts", check: versionsAfterConflicts},
		{name: "versions of racing appends", check: versionsOfRacingAppends},
		{name: "versions after rollbacks", check: versionsAfterRollbacks, needs: []feature{needsHold}},
	}
}

func versionsAfterConflicts(c *trial) {
	for i := range 5 {
		version := eventstore.Version(2 * i)
		for _, wrong := range []eventstore.Version{version + 1, version + 2} {
			bad := write("a", eventstore.Exactly(wrong), events(3)...)
			_, err := c.Store.Append(c.ctx, bad)
			c.conflicts(err, bad, version)
		}
		result := c.append(write("a", eventstore.Exactly(version), events(2)...))
		equal(c, "version", result.Writes[0].Version, version+2)
	}
	equal(c, "events", len(c.stream(c.Store, "a")), 10)
}

// versionsOfRacingAppends appends several events at a time to few streams, with each kind of expectation, right and wrong.
func versionsOfRacingAppends(c *trial) {
	const racers, streams = 6, 3
	handles := c.handles()
	c.race(racers, func(i int) error {
		random := c.newRandom(i + 1)
		for range max(c.size/racers, 1) {
			expectations := []eventstore.ExpectedVersion{
				eventstore.AnyVersion, eventstore.StreamExists, eventstore.NoStream,
				eventstore.Exactly(eventstore.Version(random.IntN(50))),
			}
			_, err := handles[i%len(handles)].Append(c.ctx, write(counted("s", random.IntN(streams)),
				expectations[random.IntN(len(expectations))], events(1+random.IntN(3))...))
			if err != nil && !isTrueConflict(err) {
				return fmt.Errorf("append: %w", err)
			}
		}
		return nil
	})
	for s := range streams {
		c.stream(c.Store, counted("s", s))
	}
}

func versionsAfterRollbacks(c *trial) {
	const key = "a"
	for i := range 5 {
		c.rollback(c.hold(write(key, eventstore.AnyVersion, events(1+i)...)))
		c.append(write(key, eventstore.AnyVersion, events(1)...))
		held := c.hold(write(key, eventstore.Exactly(eventstore.Version(2*i+1)), events(1)...))
		c.commit(held)
	}
	equal(c, "events", len(c.stream(c.Store, key)), 10)
}
