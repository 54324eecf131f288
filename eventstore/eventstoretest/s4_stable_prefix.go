package eventstoretest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// stablePrefixClauses hold: once a reader has been given a position, nothing that it selects will ever appear at or
// below it.
func stablePrefixClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "readings only grow while appends race", check: readingsOnlyGrow},
		{name: "followers miss nothing while appends race", check: followersMissNothing},
		{name: "followers that restart from Through miss nothing", check: restartedFollowersMissNothing},
		{name: "followers that begin anywhere miss nothing", check: followersBeginAnywhere},
		{name: "through is at or below a committed position", check: throughIsCommitted},
		{name: "a held append hides later ones", check: heldHidesLater, needs: []feature{needsHold}},
		{name: "a held append hides nothing acknowledged before", check: heldHidesNothingBefore, needs: []feature{needsHold}},
		{name: "a rolled back append hides nothing", check: rolledBackHidesNothing, needs: []feature{needsHold}},
		{name: "a rolled back append moves nothing", check: rolledBackMovesNothing, needs: []feature{needsHold}},
		{name: "held appends end in any order", check: heldEndInAnyOrder, needs: []feature{needsHold}},
		{name: "a follower restarts while an append is held", check: restartWhileHeld, needs: []feature{needsHold}},
		{name: "a held append never stops writers", check: heldNeverStopsWriters, needs: []feature{needsHold}},
		{name: "head and stream show what a held append hides", check: headIsNotHeldBack, needs: []feature{needsHold}},
		{name: "a filter does not let a held append be passed", check: filterDoesNotPassHeld, needs: []feature{needsHold}},
		{name: "held appends race", check: heldAppendsRace, needs: []feature{needsHold}},
		{name: "a crash loses positions of a held append", check: crashLosesPositions, needs: []feature{needsCrash, needsHold}},
	}
}

func readingsOnlyGrow(c *trial) {
	var ended atomic.Bool
	var reading []*pending[error]
	handles := c.handles()
	for _, store := range handles {
		reading = append(reading, begin(c.run, "a reader of everything", func() error { return c.readGrowing(store, &ended) }))
	}
	c.appendMany(handles)
	ended.Store(true)
	for _, reader := range reading {
		c.ok(reader.wait(), "read all while appends go on")
	}
}

// readGrowing reads all again and again, and returns an error when a reading does not begin with the one before.
func (c *trial) readGrowing(store eventstore.Store, ended *atomic.Bool) error {
	var before []eventstore.RecordedEvent
	for !ended.Load() {
		all, err := readAll(c.ctx, store, 0, everything)
		if err != nil {
			return err
		}
		if len(all) < len(before) {
			return fmt.Errorf("ReadAll has yielded %d events before, and then %d", len(before), len(all))
		}
		if difference := sameEvents(all[:len(before)], before); difference != "" {
			return fmt.Errorf("what ReadAll has yielded before has changed: it %s", difference)
		}
		before = all
		c.pause(5 * time.Millisecond)
	}
	return nil
}

// appendMany races appends to shared streams, some of several streams at once.
func (c *trial) appendMany(handles []eventstore.Store) {
	const racers = 6
	c.Helper()
	c.race(racers, func(i int) error {
		random := c.newRandom(i + 1)
		for range max(c.size/racers, 1) {
			writes := make([]eventstore.Write, 0, 2)
			for _, s := range random.Perm(sharedStreams)[:1+random.IntN(2)] {
				writes = append(writes, write(counted("shared", s), eventstore.AnyVersion, events(1+random.IntN(3))...))
			}
			if _, err := handles[i%len(handles)].Append(c.ctx, writes...); err != nil {
				return fmt.Errorf("append: %w", err)
			}
		}
		return nil
	})
}

// sharedStreams is how many streams racing appenders have together.
const sharedStreams = 5

func followersMissNothing(c *trial) {
	handles := c.handles()
	var followers []*follower
	for _, store := range handles {
		followers = append(followers,
			c.follow(store, 0, everything, habits{}),
			c.follow(store, 0, eventstore.Filter{Categories: []string{testCategory}, Types: []string{testType}}, habits{}))
	}
	c.appendMany(handles)
	c.areComplete(followers)
}

func restartedFollowersMissNothing(c *trial) {
	handles := c.handles()
	followers := c.followRestlessly(handles)
	c.appendMany(handles)
	c.areComplete(followers)
}

// followRestlessly starts two followers on each handle, which now and then restart and persist after errors.
func (c *trial) followRestlessly(handles []eventstore.Store) []*follower {
	var followers []*follower
	for _, store := range append(handles, handles...) {
		habits := habits{restarts: c.newRandom(-1 - len(followers)), persists: true}
		followers = append(followers, c.follow(store, 0, everything, habits))
	}
	return followers
}

// areComplete compares followers with what a store at rest has.
func (c *trial) areComplete(followers []*follower) {
	c.Helper()
	all := c.allSurely(c.Store)
	for _, f := range followers {
		f.isComplete(all)
	}
}

// followersBeginAnywhere starts followers while appends race, some of which fall behind those that are live.
func followersBeginAnywhere(c *trial) {
	handles := c.handles()
	random := c.newRandom(-1)
	beginning := begin(c.run, "followers that begin anywhere", func() []*follower {
		var followers []*follower
		for i := range 12 {
			store := handles[i%len(handles)]
			head, err := store.Head(c.ctx)
			if err != nil {
				c.Errorf("ask for the head: %v", err)
				break
			}
			after := eventstore.Position(random.Int64N(int64(head) + 1))
			followers = append(followers, c.follow(store, after, everything, habits{dawdles: i%3 == 0}))
			c.pause(5 * time.Millisecond)
		}
		return followers
	})
	c.appendMany(handles)
	c.areComplete(beginning.wait())
}

func throughIsCommitted(c *trial) {
	f := c.follow(c.Store, 0, everything, habits{})
	f.starts()
	for i := range 20 {
		result := c.append(begins(counted("a", i)))
		bad := write(counted("a", i), eventstore.Exactly(5), events(3)...)
		_, err := c.Store.Append(c.ctx, bad)
		c.conflicts(err, bad, 1)
		f.reaches(result.Position)
		if through := f.through(); through > c.head(c.Store) {
			c.Fatalf("Through is %d, beyond the head %d", through, c.head(c.Store))
		}
	}
}

// crashLosesPositions lets a crash take back positions that were drawn and never committed. Who was told of them
// would miss the events that get them next.
func crashLosesPositions(c *trial) {
	handles := c.handles()
	var followers []*follower
	for _, store := range handles {
		followers = append(followers, c.follow(store, 0, everything, habits{persists: true}))
	}
	c.append(begins("before"))
	for range 50 { // more than a sequence keeps to itself before it writes to the log
		c.rollback(c.hold(begins("rolled-back")))
	}
	c.hold(begins("held"))
	for _, f := range followers {
		f.shows("before")
	}
	c.quiet()
	c.ok(c.Crash(c.ctx), "crash")
	for i := range 5 {
		label := counted("after", i)
		c.appendSurely(handles[i%len(handles)], write(label, eventstore.NoStream, identified(label)))
	}
	for _, f := range followers {
		f.shows("before", "after-0", "after-1", "after-2", "after-3", "after-4")
	}
	equal(c, "events", fmt.Sprint(labelsOf(c.allSurely(c.Store))), "[before after-0 after-1 after-2 after-3 after-4]")
}
