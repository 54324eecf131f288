package eventstoretest

import (
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// liveClauses hold: a subscriber gets a new event without waiting for a poll interval, and only appends to this store
// that are still in flight can hold it back.
func liveClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "the first batch of an empty store", check: firstBatchOfEmptyStore},
		{name: "the first batch at the head", check: firstBatchAtHead},
		{name: "a backlog ends caught up", check: backlogEndsCaughtUp},
		{name: "events come promptly", check: eventsComePromptly},
		{name: "events come promptly to many", check: eventsComePromptlyToMany},
		{name: "through moves for what is not selected", check: throughMovesForUnselected},
		{name: "a slow loop body delays nobody else", check: slowBodyDelaysNobody},
		{name: "a held append is shown promptly when it commits", check: heldComesPromptly, needs: []feature{needsHold}},
		{
			name:  "a held append that rolls back lets others come promptly",
			check: rolledBackLetsOthersCome, needs: []feature{needsHold},
		},
		{name: "not caught up while something is hidden", check: notCaughtUpWhileHidden, needs: []feature{needsHold}},
		{
			name:  "a held append that is killed lets others come promptly",
			check: killedLetsOthersCome, needs: []feature{needsHold, needsKill},
		},
		{name: "events come promptly after killed connections", check: promptAfterKill, needs: []feature{needsKill}},
		{
			name:  "an unrelated transaction holds nobody back",
			check: unrelatedHoldsNobody, needs: []feature{needsUnrelated},
		},
	}
}

// promptly ends the clause when something takes so long that a poll may have brought it about.
func (c *trial) promptly(what string, do func()) {
	c.Helper()
	begun := time.Now()
	do()
	if took := time.Since(begun); c.PollInterval > 0 && took > c.PollInterval/2 {
		c.Fatalf("%s took %v, the poll interval is %v", what, took, c.PollInterval)
	}
}

func firstBatchOfEmptyStore(c *trial) {
	for _, store := range c.handles() {
		first := c.follow(store, 0, everything, habits{}).starts()
		equal(c, "first batch of an empty store", fmt.Sprintf("%+v", first), fmt.Sprintf("%+v", eventstore.Batch{CaughtUp: true}))
	}
}

func firstBatchAtHead(c *trial) {
	result := c.append(begins("a"), begins("b"))
	for _, store := range c.handles() {
		first := c.follow(store, result.Position, everything, habits{}).starts()
		equal(c, "first batch at the head", fmt.Sprintf("%+v", first),
			fmt.Sprintf("%+v", eventstore.Batch{Through: result.Position, CaughtUp: true}))
	}
}

func backlogEndsCaughtUp(c *trial) {
	for i := range 3 {
		c.append(write(counted("a", i), eventstore.NoStream, events(1000)...))
	}
	head := c.head(c.Store)
	for _, store := range c.handles() {
		f := c.follow(store, 0, everything, habits{})
		caughtUp := f.await("being caught up", func(last eventstore.Batch) bool { return last.CaughtUp })
		equal(c, "Through when caught up", caughtUp.Through, head)
		f.isComplete(c.all(store))
	}
}

func eventsComePromptly(c *trial) {
	handles := c.handles()
	var followers []*follower
	for _, store := range handles {
		f := c.follow(store, 0, everything, habits{})
		f.starts()
		followers = append(followers, f)
	}
	for i := range 30 {
		c.promptly("a new event", func() {
			result := c.appendTo(handles[i%len(handles)], begins(counted("a", i)))
			for _, f := range followers {
				f.reaches(result.Position)
			}
		})
	}
	for _, f := range followers {
		last := f.await("being caught up", func(last eventstore.Batch) bool { return last.CaughtUp })
		equal(c, "Through when caught up", last.Through, c.head(c.Store))
	}
	c.areComplete(followers)
}

func eventsComePromptlyToMany(c *trial) {
	const subscribers = 30
	handles := c.handles()
	var followers []*follower
	for i := range subscribers {
		f := c.follow(handles[i%len(handles)], 0, everything, habits{})
		f.starts()
		followers = append(followers, f)
	}
	for i := range 10 {
		c.promptly("a new event", func() {
			result := c.append(begins(counted("a", i)))
			for _, f := range followers {
				f.reaches(result.Position)
			}
		})
	}
	c.areComplete(followers)
}

func throughMovesForUnselected(c *trial) {
	c.append(write("backlog", eventstore.NoStream, events(100)...))
	for i, store := range c.handles() {
		rare := event("rare")
		rare.Type = counted("rare", i)
		f := c.follow(store, 0, eventstore.Filter{Types: []string{rare.Type}}, habits{})
		f.await("through the backlog", func(last eventstore.Batch) bool { return last.Through == c.head(store) })
		for range 10 {
			c.promptly("Through", func() { f.reaches(c.append(write("a", eventstore.AnyVersion, events(1)...)).Position) })
		}
		f.hasOnly()
		f.reaches(c.append(write(rare.Type, eventstore.NoStream, rare)).Position)
		f.hasOnly(rare.Type)
		f.stop()
		behind := c.append(write("behind", eventstore.AnyVersion, events(1)...))
		f.start()
		f.reaches(behind.Position)
		f.hasOnly(rare.Type)
	}
}

// slowBodyDelaysNobody has a subscriber that stays in its loop body until all others have everything.
func slowBodyDelaysNobody(c *trial) {
	c.append(begins("first"))
	entered, release := make(chan struct{}), make(chan struct{})
	slow := begin(c.run, "a slow subscriber", func() int {
		n := 0
		for batch, err := range c.Store.Subscribe(c.ctx, 0, everything) {
			if err != nil {
				return -1
			}
			if n == 0 && len(batch.Events) > 0 {
				close(entered)
				await(c.ctx, release)
			}
			if n += len(batch.Events); n >= 2001 {
				return n
			}
		}
		return n
	})
	await(c.ctx, entered)
	f := c.follow(c.Store, 0, everything, habits{})
	for i := range 20 {
		f.reaches(c.append(write(counted("a", i), eventstore.NoStream, events(100)...)).Position)
	}
	f.isComplete(c.all(c.Store))
	close(release)
	equal(c, "events of the slow subscriber", slow.wait(), 2001)
}

// caughtUpEverywhere starts a follower on each handle and waits until all are idle.
func (c *trial) caughtUpEverywhere() []*follower {
	c.Helper()
	var followers []*follower
	for _, store := range c.handles() {
		f := c.follow(store, 0, everything, habits{persists: true})
		f.await("being caught up", func(last eventstore.Batch) bool { return last.CaughtUp })
		followers = append(followers, f)
	}
	return followers
}

func heldComesPromptly(c *trial) {
	followers := c.caughtUpEverywhere()
	var labels []string
	for i := range 10 {
		labels = append(labels, counted("held", i))
		held := c.hold(begins(labels[i]))
		c.pause(time.Duration(c.random.IntN(20)) * time.Millisecond)
		c.promptly("a held append that was committed", func() {
			c.commit(held)
			for _, f := range followers {
				f.shows(labels...)
			}
		})
	}
}

func rolledBackLetsOthersCome(c *trial) {
	followers := c.caughtUpEverywhere()
	var labels []string
	for i := range 10 {
		held := c.hold(begins("held"))
		labels = append(labels, counted("behind", i))
		c.append(begins(labels[i]))
		c.pause(time.Duration(c.random.IntN(20)) * time.Millisecond)
		c.promptly("what a rolled back append had hidden", func() {
			c.rollback(held)
			for _, f := range followers {
				f.shows(labels...)
			}
		})
	}
}

func notCaughtUpWhileHidden(c *trial) {
	c.append(begins("before"))
	held := c.hold(begins("held"))
	for _, store := range c.handles() {
		equal(c, "CaughtUp while nothing is hidden", c.follow(store, 0, everything, habits{}).starts().CaughtUp, true)
	}
	behind := c.append(begins("behind"))
	for _, store := range c.handles() {
		equal(c, "CaughtUp while something is hidden", c.follow(store, 0, everything, habits{}).starts().CaughtUp, false)
	}
	c.rollback(held)
	for _, store := range c.handles() {
		f := c.follow(store, 0, everything, habits{})
		last := f.await("being caught up", func(last eventstore.Batch) bool { return last.CaughtUp })
		equal(c, "Through when caught up", last.Through, behind.Position)
	}
}

// killedLetsOthersCome ends a held append without anybody who could tell of it.
func killedLetsOthersCome(c *trial) {
	followers := c.caughtUpEverywhere()
	c.hold(begins("held"))
	c.append(begins("behind"))
	c.quiet()
	c.promptly("what a killed append had hidden", func() {
		c.ok(c.Kill(c.ctx), "kill connections")
		for _, f := range followers {
			f.shows("behind")
		}
	})
}

func promptAfterKill(c *trial) {
	handles := c.handles()
	followers := c.caughtUpEverywhere()
	for i := range 3 {
		c.ok(c.Kill(c.ctx), "kill connections")
		for j := range 5 {
			label := counted("a", i, j)
			c.promptly("a new event after killed connections", func() {
				result := c.appendSurely(handles[j%len(handles)], write(label, eventstore.NoStream, identified(label)))
				for _, f := range followers {
					f.reaches(result.Position)
				}
			})
		}
	}
	c.areComplete(followers)
}

func unrelatedHoldsNobody(c *trial) {
	unrelated, err := c.OpenUnrelated(c.ctx)
	c.ok(err, "open an unrelated transaction")
	followers := c.caughtUpEverywhere()
	var labels []string
	for i := range 5 {
		labels = append(labels, counted("a", i))
		c.promptly("a new event beside an unrelated transaction", func() {
			c.append(begins(labels[i]))
			for _, f := range followers {
				c.shows(f.store, labels...)
				f.shows(labels...)
			}
		})
	}
	c.ok(unrelated.Rollback(c.ctx), "end the unrelated transaction")
}
