package eventstoretest

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Clauses of S4 in which appends are held between execution and commit.

func heldHidesLater(c *trial) {
	handles := c.handles()
	var followers []*follower
	for _, store := range handles {
		followers = append(followers, c.follow(store, 0, everything, habits{}))
	}
	c.append(begins("before"))
	held := c.hold(begins("held"))
	behind := c.append(begins("behind"))
	for _, store := range handles {
		c.shows(store, "before")
		first := c.follow(store, 0, everything, habits{}).starts()
		equal(c, "first batch while an append is held", fmt.Sprint(labelsOf(first.Events)), "[before]")
		if first.Through >= behind.Position {
			c.Fatalf("Through is %d while an append below it is held", first.Through)
		}
	}
	for _, f := range followers {
		f.shows("before")
	}
	c.quiet()
	for _, f := range followers {
		f.hasOnly("before")
	}
	c.commit(held)
	for _, store := range handles {
		c.shows(store, "before", "held", "behind")
	}
	for _, f := range followers {
		f.shows("before", "held", "behind")
	}
}

func heldHidesNothingBefore(c *trial) {
	handles := c.handles()
	var labels []string
	for i := range 5 {
		label := counted("before", i)
		c.appendTo(handles[i%len(handles)], begins(label))
		labels = append(labels, label)
		held := c.hold(begins(counted("held", i)))
		for _, store := range handles {
			c.shows(store, labels...)
			c.follow(store, 0, everything, habits{}).shows(labels...)
		}
		c.rollback(held)
	}
}

func rolledBackHidesNothing(c *trial) {
	handles := c.handles()
	held := c.hold(begins("held"))
	c.append(begins("behind"))
	var followers []*follower
	for _, store := range handles {
		c.shows(store)
		f := c.follow(store, 0, everything, habits{})
		f.starts()
		f.hasOnly()
		followers = append(followers, f)
	}
	c.rollback(held)
	for i, store := range handles {
		c.shows(store, "behind")
		followers[i].shows("behind")
	}
}

// rolledBackMovesNothing: a position that was drawn and rolled back may be drawn again after a crash.
func rolledBackMovesNothing(c *trial) {
	before := c.append(begins("before"))
	f := c.follow(c.Store, 0, everything, habits{})
	f.shows("before")
	for range 3 {
		c.rollback(c.hold(write("rolled-back", eventstore.NoStream, events(10)...)))
	}
	c.quiet()
	equal(c, "Through after a rollback", f.through(), before.Position)
	first := c.follow(c.Store, before.Position, everything, habits{}).starts()
	equal(c, "Through of a new subscription after a rollback", first.Through, before.Position)
	equal(c, "head after a rollback", c.head(c.Store), before.Position)
}

// heldEndInAnyOrder holds three appends among others that are committed, and ends them in each order. What is shown is
// always what was committed before the first one that is still held.
func heldEndInAnyOrder(c *trial) {
	handles := c.handles()
	var followers []*follower
	for _, store := range handles {
		followers = append(followers, c.follow(store, 0, everything, habits{}))
	}
	var sequence sequence
	for round, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var held []*step
		for i := range order {
			held = append(held, sequence.hold(c, counted("held", round, i)))
			sequence.append(c, handles[i%len(handles)], counted("plain", round, i))
		}
		for _, i := range order {
			held[i].end(c, c.random.IntN(3) > 0)
			for h, store := range handles {
				c.shows(store, sequence.visible()...)
				followers[h].shows(sequence.visible()...)
			}
		}
	}
	c.areComplete(followers)
}

// sequence is appends in the order in which they began, of which some are held.
type sequence struct{ steps []*step }

type step struct {
	label     string
	held      Held
	committed bool
}

func (s *sequence) hold(c *trial, label string) *step {
	c.Helper()
	held := &step{label: label, held: c.hold(begins(label))}
	s.steps = append(s.steps, held)
	return held
}

func (s *sequence) append(c *trial, store eventstore.Store, label string) {
	c.Helper()
	c.appendTo(store, begins(label))
	s.steps = append(s.steps, &step{label: label, committed: true})
}

func (s *step) end(c *trial, commit bool) {
	c.Helper()
	if commit {
		c.commit(s.held)
	} else {
		c.rollback(s.held)
	}
	s.held, s.committed = nil, commit
}

// visible returns the labels of what was committed before the first append that is held.
func (s *sequence) visible() []string {
	var labels []string
	for _, step := range s.steps {
		if step.held != nil {
			break
		}
		if step.committed {
			labels = append(labels, step.label)
		}
	}
	return labels
}

func restartWhileHeld(c *trial) {
	c.append(begins("before"))
	held := c.hold(begins("held"))
	var followers []*follower
	for _, store := range c.handles() {
		followers = append(followers, c.follow(store, 0, everything, habits{}))
	}
	for i := range 3 {
		c.append(begins(counted("behind", i)))
		for _, f := range followers {
			f.shows("before")
			f.restart()
		}
	}
	c.commit(held)
	for _, f := range followers {
		f.shows("before", "held", "behind-0", "behind-1", "behind-2")
	}
}

func heldNeverStopsWriters(c *trial) {
	held := c.hold(begins("held"), check("checked", eventstore.NoStream))
	handles := c.handles()
	c.race(8, func(i int) error {
		_, err := handles[i%len(handles)].Append(c.ctx, begins(counted("writer", i)), begins(counted("other", i)))
		return err
	})
	c.shows(c.Store)
	c.commit(held)
	all := labelsOf(c.all(c.Store))
	equal(c, "events", len(all), 17)
	equal(c, "first event", all[0], "held")
}

func headIsNotHeldBack(c *trial) {
	handles := c.handles()
	held := c.hold(begins("held"))
	behind := c.append(begins("behind"))
	for _, store := range handles {
		equal(c, "head while an append is held", c.head(store), behind.Position)
		equal(c, "events of the stream", len(c.stream(store, "behind")), 1)
		equal(c, "events of the held stream", len(c.stream(store, "held")), 0)
		c.shows(store)
	}
	c.rollback(held)
}

// filterDoesNotPassHeld tails with a filter that does not select what is held, and then with one that does.
func filterDoesNotPassHeld(c *trial) {
	other := eventstore.StreamID{Category: "other", Key: "behind"}
	filters := []eventstore.Filter{
		{Categories: []string{testCategory}},
		{Categories: []string{other.Category}},
		{Categories: []string{testCategory, other.Category}},
		{Types: []string{testType}},
		{Types: []string{"nothing has this type"}},
	}
	var followers []*follower
	for _, store := range c.handles() {
		for _, filter := range filters {
			followers = append(followers, c.follow(store, 0, filter, habits{}))
		}
	}
	for i := range 3 {
		held := c.hold(begins(counted("held", i)))
		c.append(eventstore.Write{Stream: other, Expected: eventstore.AnyVersion, Events: events(1)})
		c.quiet()
		c.commit(held)
	}
	c.areComplete(followers)
}

// heldAppendsRace is the storm that loses events in stores which hand out positions before the commit: appends with
// pauses and rollbacks, while readers tail and restart.
func heldAppendsRace(c *trial) {
	const holders, appenders = 4, 4
	handles := c.handles()
	followers := c.followRestlessly(handles)
	var ended atomic.Bool
	growing := begin(c.run, "a reader of everything", func() error { return c.readGrowing(c.Store, &ended) })
	var committed atomic.Int64
	perRacer := max(c.size/(holders+appenders), 1)
	c.race(holders+appenders, func(i int) error {
		random := c.newRandom(i + 1)
		for n := range perRacer {
			label := counted("racer", i, n)
			var err error
			if i < holders {
				err = c.holdAWhile(random, label, &committed)
			} else if _, err = handles[i%len(handles)].Append(c.ctx, c.sharedWrite(random, label)); err == nil {
				committed.Add(1)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	ended.Store(true)
	c.ok(growing.wait(), "read all while appends are held")
	equal(c, "events", int64(len(c.all(c.Store))), committed.Load())
	c.areComplete(followers)
}

func (c *trial) sharedWrite(random *rand.Rand, label string) eventstore.Write {
	return write(counted("shared", random.IntN(sharedStreams)), eventstore.AnyVersion, event(label))
}

// holdAWhile holds an append for a random time. A conflict is as good as a rollback: the caller's transaction may be
// one that cannot try again.
func (c *trial) holdAWhile(random *rand.Rand, label string, committed *atomic.Int64) error {
	held, err := c.tryHold(c.sharedWrite(random, label))
	if isConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	c.pause(time.Duration(random.IntN(5000)) * time.Microsecond)
	if random.IntN(3) == 0 {
		return held.Rollback(c.ctx)
	}
	if err := held.Commit(c.ctx); err != nil {
		return fmt.Errorf("commit a held append: %w", err)
	}
	committed.Add(1)
	return nil
}
