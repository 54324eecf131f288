package eventstoretest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

// checkpointClauses hold what moves of checkpoints do, and which are refused.
func checkpointClauses() []clause[*consumerTrial] {
	return []clause[*consumerTrial]{
		{name: "moves go on where the last one ended", check: movesGoOn},
		{name: "a move keeps the epoch", check: moveKeepsEpoch},
		{name: "a move from elsewhere is refused", check: moveFromElsewhere},
		{name: "a move in another epoch is refused", check: moveInOtherEpoch},
		{name: "a move of a partition that is not there is refused", check: moveOfNoPartition},
		{name: "an invalid move is refused", check: invalidMove},
		{name: "one of many racing moves wins", check: oneMoveWins},
		{name: "consumers do not concern each other", check: consumersAreApart},
		{name: "partitions do not concern each other", check: partitionsAreApart},
		{name: "an ended context ends every method", check: endedContextEndsConsumers},
	}
}

func movesGoOn(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 1)
	for i, to := range []eventstore.Position{0, 1, 2, 2, 17, 1 << 40, 1<<62 - 1} {
		at := c.at(sales, 0)
		c.ok(c.another(i).move(c.ctx, leaving(at, to)), "move from %d to %d", at.Position, to)
		c.is(sales, to)
	}
	if c.at(sales, 0).UpdatedAt.IsZero() {
		c.Fatalf("UpdatedAt of a checkpoint that was moved is zero")
	}
}

func moveKeepsEpoch(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	before := c.at(sales, 0)
	for to := range eventstore.Position(3) {
		move := leaving(before, to+1)
		move.From = to
		c.ok(c.handles[0].move(c.ctx, move), "move on in the same epoch")
	}
	before.Position, before.UpdatedAt = 3, c.at(sales, 0).UpdatedAt
	equal(c, "checkpoint", c.at(sales, 0), before)
}

func moveFromElsewhere(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 1)
	elsewhere := func(from eventstore.Position) {
		move := leaving(c.at(sales, 0), 10)
		move.From = from
		c.refuses(eventstore.ErrCheckpointMoved, move)
	}
	elsewhere(5)
	c.is(sales, 0)
	c.moves(sales, 5)
	for _, from := range []eventstore.Position{0, 4, 6, 10} {
		elsewhere(from)
	}
	c.is(sales, 5)
	c.moves(sales, 10)
	elsewhere(5)
	c.is(sales, 10)
}

func moveInOtherEpoch(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.pauses(c.at(sales, 0), "to begin another epoch")
	c.ok(c.handles[0].Resume(c.ctx, sales), "resume")
	for _, difference := range []int64{-1, 1, 100, 1 << 40} {
		move := leaving(c.at(sales, 0), 10)
		move.Epoch += difference
		c.refuses(eventstore.ErrCheckpointMoved, move)
	}
	c.is(sales, 0)
	c.moves(sales, 10)
}

func moveOfNoPartition(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	for _, partition := range []int{2, 3, eventstore.MaxPartitions - 1} {
		move := leaving(c.at(sales, 0), 1)
		move.Partition = partition
		c.refuses(eventstore.ErrCheckpointMoved, move)
	}
	move := leaving(c.at(sales, 0), 1)
	move.Consumer.Version = 2
	c.refuses(eventstore.ErrCheckpointMoved, move)
	c.is(sales, 0)
	equal(c, "number of checkpoints", len(c.all(c.handles[0], sales)), 2)
}

func invalidMove(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.moves(sales, 7)
	invalid := func(change func(move *eventstore.Move)) {
		move := leaving(c.at(sales, 0), 8)
		change(&move)
		c.refuses(eventstore.ErrInvalid, move)
	}
	invalid(func(move *eventstore.Move) { move.To = 6 })
	invalid(func(move *eventstore.Move) { move.To = -1 })
	invalid(func(move *eventstore.Move) { move.From = -1 })
	invalid(func(move *eventstore.Move) { move.Partition = -1 })
	invalid(func(move *eventstore.Move) { move.Partition = eventstore.MaxPartitions })
	for _, version := range []int{-1, 0, eventstore.MaxConsumerVersion + 1} {
		invalid(func(move *eventstore.Move) { move.Consumer.Version = version })
	}
	for _, name := range badConsumerNames() {
		invalid(func(move *eventstore.Move) { move.Consumer.Name = name })
	}
	c.is(sales, 7)
}

func oneMoveWins(c *consumerTrial) {
	const racers = 8
	for round := range 10 {
		id := first(counted("consumer", round))
		c.define(id, 1)
		for range 3 {
			move := leaving(c.at(id, 0), c.at(id, 0).Position+10)
			var won atomic.Int64
			c.race(racers, func(i int) error {
				err := c.another(i).move(c.ctx, move)
				if err == nil {
					won.Add(1)
				}
				return unless(err, eventstore.ErrCheckpointMoved)
			})
			equal(c, "winners of the same move", won.Load(), 1)
			c.is(id, move.To)
		}
	}
}

func consumersAreApart(c *consumerTrial) {
	names := append(oddNames(), "a-b", "$pm.x", strings.Repeat("n", eventstore.MaxConsumerBytes))
	for i, name := range names {
		c.define(first(name), 1)
		c.moves(first(name), eventstore.Position(i+1))
	}
	c.pauses(c.at(first(names[0]), 0), "only this one")
	for i, name := range names[1:] {
		c.is(first(name), eventstore.Position(i+2))
	}
}

// partitionsAreApart moves each partition by a goroutine of its own, to another position, and pauses one.
func partitionsAreApart(c *consumerTrial) {
	const partitions = 6
	sales := first("sales")
	c.define(sales, partitions)
	begun := c.all(c.handles[0], sales)
	steps := max(c.size/partitions, 1)
	c.race(partitions, func(i int) error {
		at := begun[i]
		for step := range steps + i {
			at.Position = eventstore.Position(step)
			if err := c.another(i).move(c.ctx, leaving(at, at.Position+1)); err != nil {
				return err
			}
		}
		return nil
	})
	c.pauses(c.at(sales, 3), "only this one")
	for i, at := range c.all(c.handles[0], sales) {
		equal(c, fmt.Sprintf("position of partition %d", i), at.Position, eventstore.Position(steps+i))
		equal(c, fmt.Sprintf("partition %d is paused", i), at.Paused, i == 3)
		equal(c, fmt.Sprintf("partition %d is in the first epoch", i), at.Epoch == begun[i].Epoch, i != 3)
	}
	c.refuses(eventstore.ErrPaused, leaving(c.at(sales, 3), 1000))
	c.goes(c.at(sales, 2), 1000)
}

func endedContextEndsConsumers(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.pauses(c.at(sales, 1), "a reason")
	before := c.all(c.handles[0], sales)
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	for _, handle := range c.handles {
		_, err := handle.Checkpoints(ctx, sales)
		c.fails(err, context.Canceled, "Checkpoints")
		_, err = handle.Consumers(ctx)
		c.fails(err, context.Canceled, "Consumers")
		_, err = handle.Await(ctx, sales, moment, func([]eventstore.Checkpoint) bool { return false })
		c.fails(err, context.Canceled, "Await")
		_, err = handle.Halt(ctx, long, sales)
		c.fails(err, context.Canceled, "Halt")
		c.fails(handle.Define(ctx, first("new"), eventstore.Definition{Partitions: 1}), context.Canceled, "Define")
		c.fails(handle.Pause(ctx, before[0], ""), context.Canceled, "Pause")
		c.fails(handle.Resume(ctx, sales), context.Canceled, "Resume")
		c.fails(handle.Forget(ctx, sales), context.Canceled, "Forget")
		c.fails(handle.Coordinate(ctx, sales, joins("a", long, 0)), context.Canceled, "Coordinate")
		c.fails(handle.Proceed(ctx, sales), context.Canceled, "Proceed")
		c.fails(handle.Repartition(ctx, sales, 3), context.Canceled, "Repartition")
		c.fails(handle.move(ctx, leaving(before[0], 1)), context.Canceled, "a move")
	}
	equal(c, "checkpoints", c.all(c.handles[0], sales), before)
	equal(c, "consumers", len(c.consumers(c.handles[0])), 1)
	equal(c, "members", len(c.roster(sales).Members), 0)
}
