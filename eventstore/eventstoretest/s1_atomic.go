package eventstoretest

import (
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// atomicClauses hold: all writes of an append are seen together, or never.
func atomicClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "writes all streams", check: writesAllStreams},
		{name: "one conflict leaves nothing of the others", check: conflictLeavesNothing},
		{name: "one failed check leaves nothing of the others", check: failedCheckLeavesNothing},
		{name: "readers see whole appends", check: readersSeeWholeAppends},
		{name: "a held append is seen whole or not at all", check: heldIsSeenWhole, needs: []feature{needsHold}},
		{name: "a rolled back append leaves nothing", check: rolledBackLeavesNothing, needs: []feature{needsHold}},
	}
}

func writesAllStreams(c *trial) {
	a, b := events(3), events(2)
	result := c.append(write("a", eventstore.NoStream, a...), write("b", eventstore.NoStream, b...))
	for _, store := range c.handles() {
		inA, inB := c.stream(store, "a"), c.stream(store, "b")
		c.recorded(inA, a...)
		c.recorded(inB, b...)
		equal(c, "result", result, eventstore.AppendResult{
			Writes: []eventstore.WriteResult{
				{Version: 3, Position: inA[2].Position},
				{Version: 2, Position: inB[1].Position},
			},
			Position: inB[1].Position,
		})
	}
}

func conflictLeavesNothing(c *trial) {
	c.append(begins("exists"))
	conflicting := begins("exists")
	for _, writes := range [][]eventstore.Write{
		{conflicting, begins("new")},
		{begins("new"), conflicting},
		{begins("new"), conflicting, begins("newer")},
	} {
		_, err := c.Store.Append(c.ctx, writes...)
		c.conflicts(err, conflicting, 1)
		c.shows(c.Store, "exists")
		equal(c, "events of the new stream", len(c.stream(c.Store, "new")), 0)
	}
}

func failedCheckLeavesNothing(c *trial) {
	failing := check("absent", eventstore.StreamExists)
	for _, writes := range [][]eventstore.Write{
		{failing, begins("new")},
		{begins("new"), failing},
	} {
		_, err := c.Store.Append(c.ctx, writes...)
		c.conflicts(err, failing, 0)
		c.shows(c.Store)
		equal(c, "head", c.head(c.Store), 0)
	}
}

// readersSeeWholeAppends appends to two streams at once, from several goroutines, while readers read both.
func readersSeeWholeAppends(c *trial) {
	const appenders, readers = 4, 2
	handles := c.handles()
	perAppender := max(c.size/appenders, 1)
	stopped := make(chan struct{})
	var reading []*pending[error]
	for i := range readers {
		reading = append(reading, begin(c.run, "a reader of whole appends", func() error {
			return c.readWholeAppends(handles[i%len(handles)], stopped)
		}))
	}
	c.race(appenders, func(i int) error {
		for n := range perAppender {
			label := event(counted("pair", i, n))
			_, err := handles[i%len(handles)].Append(c.ctx,
				write("left", eventstore.AnyVersion, label), write("right", eventstore.AnyVersion, label))
			if err != nil {
				return fmt.Errorf("append: %w", err)
			}
		}
		return nil
	})
	close(stopped)
	for _, reader := range reading {
		c.ok(reader.wait(), "read while appends go on")
	}
	equal(c, "events", len(c.all(c.Store)), 2*appenders*perAppender)
}

// readWholeAppends reads until it is stopped, and returns an error when it finds half of an append.
func (c *trial) readWholeAppends(store eventstore.Store, stopped <-chan struct{}) error {
	for {
		if err := c.readPairs(store); err != nil {
			return err
		}
		if err := c.readStreamByStream(store); err != nil {
			return err
		}
		select {
		case <-stopped:
			return nil
		default:
			c.pause(5 * time.Millisecond)
		}
	}
}

// readPairs finds each label twice.
func (c *trial) readPairs(store eventstore.Store) error {
	all, err := readAll(c.ctx, store, 0, everything)
	if err != nil {
		return err
	}
	halves := make(map[string]int)
	for _, e := range all {
		halves[string(e.Data)]++
	}
	for label, n := range halves {
		if n != 2 {
			return fmt.Errorf("ReadAll shows %d of the 2 events of append %s", n, label)
		}
	}
	return nil
}

// readStreamByStream reads one stream, and then finds in the other at least what belongs to it.
func (c *trial) readStreamByStream(store eventstore.Store) error {
	left, err := collect(store.ReadStream(c.ctx, stream("left"), eventstore.ReadOptions{}))
	if err != nil {
		return err
	}
	right, err := collect(store.ReadStream(c.ctx, stream("right"), eventstore.ReadOptions{}))
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(right))
	for _, e := range right {
		there[string(e.Data)] = true
	}
	for _, e := range left {
		if !there[string(e.Data)] {
			return fmt.Errorf("append %s is seen in stream %q, and then not in %q", e.Data, stream("left"), stream("right"))
		}
	}
	return nil
}

func heldIsSeenWhole(c *trial) {
	handles := c.handles()
	held := c.hold(begins("a"), begins("b"), begins("c"))
	for _, store := range handles {
		for _, key := range []string{"a", "b", "c"} {
			equal(c, "events of a held append", len(c.stream(store, key)), 0)
		}
		c.shows(store)
	}
	c.commit(held)
	for _, store := range handles {
		for _, key := range []string{"a", "b", "c"} {
			equal(c, "events of a committed append", len(c.stream(store, key)), 1)
		}
		c.shows(store, "a", "b", "c")
	}
}

func rolledBackLeavesNothing(c *trial) {
	c.rollback(c.hold(begins("a"), begins("b")))
	for _, store := range c.handles() {
		c.shows(store)
		equal(c, "events of a rolled back append", len(c.stream(store, "a")), 0)
		equal(c, "head", c.head(store), 0)
	}
	c.append(begins("b"), begins("a"))
	c.shows(c.Store, "b", "a")
}
