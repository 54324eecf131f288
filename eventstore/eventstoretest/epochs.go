package eventstoretest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// epochClauses hold that whoever works on a partition cannot miss what was done to it: its next move is refused.
func epochClauses() []clause[*consumerTrial] {
	var clauses []clause[*consumerTrial]
	for _, begin := range []struct {
		what        string
		prepare, do func(c *consumerTrial, id eventstore.ConsumerID)
	}{
		{what: "a takeover", do: takesOver},
		{what: "being left", do: leaves},
		{what: "a pause that ended", do: pausesAndResumes},
		{what: "a halt", do: halts},
		{what: "a halt that ended", prepare: halts, do: proceeds},
		{what: "a new partitioning", do: repartitions},
	} {
		clauses = append(clauses, clause[*consumerTrial]{
			name:  "after " + begin.what + " an older move is refused",
			check: func(c *consumerTrial) { c.beginsEpoch(begin.what, begin.prepare, begin.do) },
		})
	}
	return append(clauses, clause[*consumerTrial]{name: "control races moves", check: controlRacesMoves})
}

func takesOver(c *consumerTrial, id eventstore.ConsumerID) {
	c.coordinates(c.another(1), id, joins("b", long, 0, 1))
}

func leaves(c *consumerTrial, id eventstore.ConsumerID) {
	c.coordinates(c.another(1), id, func(roster *eventstore.Roster) {
		delete(roster.Members, "a")
		roster.Partitions[0].Owner, roster.Partitions[1].Owner = "", ""
	})
}

func pausesAndResumes(c *consumerTrial, id eventstore.ConsumerID) {
	for _, at := range c.all(c.handles[0], id) {
		c.pauses(at, "a reason")
	}
	c.ok(c.another(1).Resume(c.ctx, id), "resume")
}

func halts(c *consumerTrial, id eventstore.ConsumerID) {
	_, err := c.another(1).Halt(c.ctx, long, id)
	c.ok(err, "halt")
}

func proceeds(c *consumerTrial, id eventstore.ConsumerID) {
	c.ok(c.another(1).Proceed(c.ctx, id), "proceed")
}

func repartitions(c *consumerTrial, id eventstore.ConsumerID) {
	c.ok(c.another(1).Repartition(c.ctx, id, 2), "repartition")
}

// beginsEpoch ends the clause unless both partitions of a consumer, which are owned and have moved, refuse a move that
// was prepared before, and take it in the epoch that they are in then.
func (c *consumerTrial) beginsEpoch(what string, prepare, do func(c *consumerTrial, id eventstore.ConsumerID)) {
	c.Helper()
	sales, other := first("sales"), first("other")
	c.define(sales, 2)
	c.define(other, 2)
	c.coordinates(c.handles[0], sales, joins("a", long, 0, 1))
	c.moves(sales, 7)
	if prepare != nil {
		prepare(c, sales)
	}
	before, untouched := c.all(c.handles[0], sales), c.all(c.handles[0], other)
	do(c, sales)
	for i, at := range c.all(c.handles[0], sales) {
		if at.Epoch <= before[i].Epoch {
			c.Fatalf("after %s partition %d is in epoch %d, before it was in %d", what, i, at.Epoch, before[i].Epoch)
		}
		c.refuses(eventstore.ErrCheckpointMoved, leaving(before[i], 8))
		c.goes(at, 8)
	}
	equal(c, "checkpoints of another consumer", c.all(c.handles[0], other), untouched)
}

// controlRacesMoves lets workers make moves in the epoch that they know, while the epoch changes under them. Whoever is
// refused reads it again. Each step is made once.
func controlRacesMoves(c *consumerTrial) {
	const workers = 3
	sales := first("sales")
	c.define(sales, 1)
	end := eventstore.Position(max(c.size/4, 1))
	control := begin(c.run, "change epochs", func() error { return c.changeEpochs(sales, end) })
	var made atomic.Int64
	c.race(workers, func(i int) error {
		for {
			all, err := c.another(i).Checkpoints(c.ctx, sales)
			if err != nil || all[0].Position == end {
				return err
			}
			n, err := c.goesOn(c.another(i), all[0], end)
			made.Add(n)
			if unless(err, eventstore.ErrCheckpointMoved) != nil {
				return err
			}
		}
	})
	c.ok(control.wait(), "change epochs")
	equal(c, "moves that were made", eventstore.Position(made.Load()), end)
	c.is(sales, end)
}

// goesOn moves a partition step by step in one epoch, and returns the number of steps.
func (c *consumerTrial) goesOn(handle consumerHandle, at eventstore.Checkpoint, end eventstore.Position) (int64, error) {
	for made := int64(0); ; made++ {
		if at.Position == end {
			return made, nil
		}
		if err := handle.move(c.ctx, leaving(at, at.Position+1)); err != nil {
			return made, err
		}
		at.Position++
	}
}

// changeEpochs gives a partition to one member and then to another, each time that it has moved, until it is at the end.
func (c *consumerTrial) changeEpochs(id eventstore.ConsumerID, end eventstore.Position) error {
	last := eventstore.Position(-1)
	for n := 0; ; n++ {
		all, err := c.another(n).Checkpoints(c.ctx, id)
		if err != nil || all[0].Position == end {
			return err
		}
		if all[0].Position == last {
			c.pause(time.Millisecond)
			continue
		}
		last = all[0].Position
		if err := c.another(n).Coordinate(c.ctx, id, joins(fmt.Sprint("member ", n%2), long, 0)); err != nil {
			return err
		}
	}
}
