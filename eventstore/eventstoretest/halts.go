package eventstoretest

import (
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// haltClauses hold that Halt names one position, which every partition can still come to and none is beyond.
func haltClauses() []clause[*consumerTrial] {
	return []clause[*consumerTrial]{
		{name: "halt tells all partitions the furthest position", check: haltTellsFurthest},
		{name: "halt brings several consumers to one position", check: haltOfSeveral},
		{name: "a halted partition moves", check: haltedMoves},
		{name: "halting again goes on to the furthest", check: haltAgain},
		{name: "proceed ends a halt", check: proceedEndsHalt},
		{name: "a halt ends by itself", check: haltEnds},
		{name: "a halt races moves", check: haltRacesMoves},
		{name: "racing halts", check: racingHalts},
	}
}

func (c *consumerTrial) halt(number int, ids ...eventstore.ConsumerID) eventstore.Position {
	c.Helper()
	position, err := c.another(number).Halt(c.ctx, long, ids...)
	c.ok(err, "halt %q", ids)
	return position
}

// stops ends the clause unless all partitions of a consumer stop at a position, in the eyes of all handles.
func (c *consumerTrial) stops(id eventstore.ConsumerID, position eventstore.Position) {
	c.Helper()
	for _, handle := range c.handles {
		for i, at := range c.all(handle, id) {
			equal(c, fmt.Sprintf("partition %d of %q stops at", i, id), at.StopAt, position)
		}
	}
}

func haltTellsFurthest(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 3)
	for i, position := range []eventstore.Position{5, 19, 12} {
		c.goes(c.at(sales, i), position)
	}
	c.stops(sales, 0)
	before := c.all(c.handles[0], sales)
	equal(c, "position", c.halt(1, sales), 19)
	c.stops(sales, 19)
	for i, at := range c.all(c.handles[0], sales) {
		before[i].StopAt, before[i].Epoch, before[i].UpdatedAt = 19, at.Epoch, at.UpdatedAt
	}
	equal(c, "checkpoints", c.all(c.handles[0], sales), before)
}

func haltOfSeveral(c *consumerTrial) {
	one, two := first("sales"), eventstore.ConsumerID{Name: "sales", Version: 2}
	stock, other := first("stock"), first("other")
	for i, id := range []eventstore.ConsumerID{one, two, stock, other} {
		c.define(id, i+1)
		c.goes(c.at(id, i), eventstore.Position(10*(i+1)))
	}
	equal(c, "position", c.halt(0, one, two, stock), 30)
	for _, id := range []eventstore.ConsumerID{one, two, stock} {
		c.stops(id, 30)
	}
	c.stops(other, 0)
	c.ok(c.another(1).Proceed(c.ctx, one, stock), "proceed")
	c.stops(one, 0)
	c.stops(two, 30)
	c.stops(stock, 0)
}

func haltedMoves(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.goes(c.at(sales, 1), 9)
	c.halt(0, sales)
	c.goes(c.at(sales, 0), 4)
	c.stops(sales, 9)
	c.goes(c.at(sales, 0), 9)
	c.stops(sales, 9)
	c.is(sales, 9)
}

func haltAgain(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.goes(c.at(sales, 1), 9)
	equal(c, "position", c.halt(0, sales), 9)
	equal(c, "position of a second halt", c.halt(1, sales), 9)
	c.goes(c.at(sales, 1), 14) // who does not heed it
	equal(c, "position of a third halt", c.halt(0, sales), 14)
	c.stops(sales, 14)
}

func haltEnds(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.goes(c.at(sales, 0), 9)
	_, err := c.another(1).Halt(c.ctx, moment, sales)
	c.ok(err, "halt")
	c.pass(2 * moment)
	c.stops(sales, 0)
	c.goes(c.at(sales, 0), 12)
	equal(c, "position of another halt", c.halt(0, sales), 12)
	c.stops(sales, 12)
}

func proceedEndsHalt(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.moves(sales, 7)
	c.halt(0, sales)
	c.ok(c.another(1).Proceed(c.ctx, sales), "proceed")
	c.stops(sales, 0)
	c.is(sales, 7)
	c.moves(sales, 8)
}

// haltRacesMoves halts while partitions move. Those who move heed what they see; a move that was prepared before is
// refused. So nobody ever is beyond the position that was told.
func haltRacesMoves(c *consumerTrial) {
	const partitions = 4
	sales := first("sales")
	c.define(sales, partitions)
	told := begin(c.run, "halt", func() eventstore.Position {
		for c.ctx.Err() == nil {
			all, err := c.handles[0].Checkpoints(c.ctx, sales)
			if err == nil && all[0].Position >= 5 {
				break
			}
		}
		position, err := c.another(1).Halt(c.ctx, long, sales)
		if err != nil {
			return -1
		}
		return position
	})
	c.race(partitions, func(i int) error {
		for c.ctx.Err() == nil {
			all, err := c.another(i).Checkpoints(c.ctx, sales)
			if err != nil {
				return err
			}
			at := all[i]
			if at.StopAt != 0 && at.Position >= at.StopAt {
				return nil
			}
			err = c.another(i).move(c.ctx, leaving(at, at.Position+1))
			if unless(err, eventstore.ErrCheckpointMoved) != nil {
				return err
			}
		}
		return c.ctx.Err()
	})
	position := told.wait()
	c.stops(sales, position)
	c.is(sales, position)
}

// racingHalts ends with all consumers told the same, whatever the order in which each halt names them.
func racingHalts(c *consumerTrial) {
	const racers = 6
	ids := []eventstore.ConsumerID{first("a"), first("b"), first("c")}
	for i, id := range ids {
		c.define(id, 2)
		c.goes(c.at(id, 1), eventstore.Position(i+1))
	}
	c.race(racers, func(i int) error {
		for n := range max(c.size/racers/4, 2) {
			k := (i + n) % len(ids)
			position, err := c.another(i).Halt(c.ctx, long, ids[k], ids[(k+1+i%2)%3], ids[(k+2-i%2)%3])
			if err != nil {
				return err
			}
			if position != 3 {
				return fmt.Errorf("halted at %d, the furthest is 3", position)
			}
		}
		return nil
	})
	for _, id := range ids {
		c.stops(id, 3)
	}
}
