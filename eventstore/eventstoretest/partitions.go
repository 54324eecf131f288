package eventstoretest

import (
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

// partitionClauses hold how a consumer gets another number of partitions.
func partitionClauses() []clause[*consumerTrial] {
	return []clause[*consumerTrial]{
		{name: "new partitions begin where the old ones met", check: newPartitionsBegin},
		{name: "partitions that stop at one position are replaced", check: haltedAreReplaced},
		{name: "partitions at several positions are not replaced", check: scatteredAreKept},
		{name: "paused partitions are not replaced", check: pausedAreKept},
		{name: "an invalid number of partitions is refused", check: invalidPartitions},
		{name: "what was handled is counted", check: handledIsCounted},
		{name: "old moves of new partitions are refused", check: oldMovesAreRefused},
		{name: "a new number races moves", check: repartitionRacesMoves},
	}
}

// hasNew ends the clause unless a consumer has so many partitions, at a position, that are owned by nobody, do not stop,
// and are in epochs that none of the old ones was in.
func (c *consumerTrial) hasNew(
	id eventstore.ConsumerID, partitions int, position eventstore.Position, old []eventstore.Checkpoint,
) {
	c.Helper()
	last := int64(0)
	for _, at := range old {
		last = max(last, at.Epoch)
	}
	for _, handle := range c.handles {
		all := c.all(handle, id)
		equal(c, "number of partitions", len(all), partitions)
		for i, at := range all {
			want := eventstore.Checkpoint{
				Consumer: id, Partition: i, Partitions: partitions, Position: position, Epoch: at.Epoch, Live: true,
				UpdatedAt: at.UpdatedAt,
			}
			equal(c, "a new partition's checkpoint", at, want)
			if at.Epoch <= last {
				c.Fatalf("a new partition is in epoch %d, an old one was in %d", at.Epoch, last)
			}
		}
	}
	for _, at := range c.roster(id).Partitions {
		equal(c, "owner in the roster", at.Owner, "")
	}
}

func (c *consumerTrial) repartition(number int, id eventstore.ConsumerID, partitions int) {
	c.Helper()
	c.ok(c.another(number).Repartition(c.ctx, id, partitions), "repartition %q to %d", id, partitions)
}

func newPartitionsBegin(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.define(first("other"), 2)
	untouched := c.all(c.handles[0], first("other"))
	for i, partitions := range []int{5, 1, 1, eventstore.MaxPartitions, 3} {
		c.moves(sales, eventstore.Position(7*i))
		c.coordinates(c.handles[0], sales, joins("a", long, 0))
		old := c.all(c.handles[0], sales)
		c.repartition(i, sales, partitions)
		c.hasNew(sales, partitions, eventstore.Position(7*i), old)
		for _, consumer := range c.consumers(c.handles[0]) {
			if consumer.ConsumerID == sales {
				equal(c, "partitions of the consumer", consumer.Partitions, partitions)
			}
		}
	}
	c.moves(sales, 100)
	c.is(sales, 100)
	equal(c, "checkpoints of another consumer", c.all(c.handles[0], first("other")), untouched)
}

func haltedAreReplaced(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 3)
	c.coordinates(c.handles[0], sales, joins("a", long, 0, 1, 2))
	c.goes(c.at(sales, 1), 9)
	c.halt(0, sales)
	c.moves(sales, 9)
	old := c.all(c.handles[0], sales)
	c.repartition(1, sales, 4)
	c.hasNew(sales, 4, 9, old)
}

func handledIsCounted(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	total := func() (handled int64) {
		for _, at := range c.all(c.handles[0], sales) {
			handled += at.Handled
		}
		return handled
	}
	for i, events := range []int{3, 0, 4} {
		for partition := range 2 {
			move := leaving(c.at(sales, partition), eventstore.Position(10*(i+1)))
			move.Events = events
			c.ok(c.another(i).move(c.ctx, move), "move over %d events", events)
		}
	}
	equal(c, "events handled by partition 1", c.at(sales, 1).Handled, int64(7))
	equal(c, "events handled", total(), int64(14))
	for i, partitions := range []int{3, 1} {
		c.repartition(i, sales, partitions)
		equal(c, "events handled", total(), int64(14))
	}
}

// keeps ends the clause unless all handles refuse to repartition, and nothing has changed.
func (c *consumerTrial) keeps(id eventstore.ConsumerID, partitions int, want error) {
	c.Helper()
	before := c.all(c.handles[0], id)
	for _, handle := range c.handles {
		c.fails(handle.Repartition(c.ctx, id, partitions), want, "repartition %q to %d", id, partitions)
	}
	equal(c, "checkpoints", c.all(c.handles[0], id), before)
}

func scatteredAreKept(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 3)
	c.goes(c.at(sales, 2), 9)
	c.keeps(sales, 2, eventstore.ErrCheckpointMoved)
	c.halt(0, sales)
	c.keeps(sales, 3, eventstore.ErrCheckpointMoved)
}

func pausedAreKept(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 3)
	c.moves(sales, 9)
	c.pauses(c.at(sales, 1), "a reason")
	c.keeps(sales, 2, eventstore.ErrPaused)
	c.ok(c.handles[0].Resume(c.ctx, sales), "resume")
	old := c.all(c.handles[0], sales)
	c.repartition(0, sales, 2)
	c.hasNew(sales, 2, 9, old)
}

func invalidPartitions(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 3)
	for _, partitions := range []int{0, -1, eventstore.MaxPartitions + 1} {
		c.keeps(sales, partitions, eventstore.ErrInvalid)
	}
}

func oldMovesAreRefused(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 4)
	c.moves(sales, 9)
	old := c.all(c.handles[0], sales)
	for _, partitions := range []int{2, 4} {
		c.repartition(0, sales, partitions)
		for _, at := range old {
			c.refuses(eventstore.ErrCheckpointMoved, leaving(at, 10))
			c.fails(c.handles[0].Pause(c.ctx, at, "too late"), eventstore.ErrCheckpointMoved, "pause an old partition")
		}
	}
	c.is(sales, 9)
}

// repartitionRacesMoves lets either the moves or the new number win.
func repartitionRacesMoves(c *consumerTrial) {
	const racers = 4
	for round := range 8 {
		id := first(counted("consumer", round))
		c.define(id, 2)
		old := c.all(c.handles[0], id)
		var moved, replaced atomic.Int64
		c.race(racers, func(i int) error {
			var err error
			if i < 2 {
				if err = c.another(i).Repartition(c.ctx, id, 3); err == nil {
					replaced.Add(1)
				}
			} else if err = c.another(i).move(c.ctx, leaving(old[i-2], 1)); err == nil {
				moved.Add(1)
			}
			return unless(err, eventstore.ErrCheckpointMoved)
		})
		all := c.all(c.handles[0], id)
		switch {
		case replaced.Load() == 0 && len(all) == 2 && moved.Load() > 0:
		case replaced.Load() > 0 && len(all) == 3 && moved.Load() == 0: // first
			c.is(id, 0)
		case replaced.Load() > 0 && len(all) == 3 && moved.Load() == 2: // last
			c.is(id, 1)
		default:
			c.Fatalf("%d moves and %d new numbers of partitions succeeded, the checkpoints are %+v",
				moved.Load(), replaced.Load(), all)
		}
	}
}
