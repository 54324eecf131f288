package eventstoretest

import (
	"context"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

// retryClauses hold what people can do with what is parked.
func retryClauses() []clause[*parkingTrial] {
	return []clause[*parkingTrial]{
		{name: "retry marks a sequence and begins an epoch", check: retryMarks},
		{name: "discard removes a sequence and begins an epoch", check: discardRemoves},
		{name: "what is not parked is refused", check: notParked},
		{name: "one of many racing discards wins", check: oneDiscardWins},
		{name: "a discard races a move", check: discardRacesMove},
		{name: "an ended context ends every method", check: endedContextEndsParking},
	}
}

// twoPartitions parks a sequence in each of two partitions and returns their streams, by partition.
func (c *parkingTrial) twoPartitions(id eventstore.ConsumerID) [2]eventstore.StreamID {
	c.Helper()
	c.define(id, 2)
	var streams [2]eventstore.StreamID
	for i := range 20 {
		candidate := stream(counted("candidate", i))
		streams[eventstore.PartitionOf(candidate, 2)] = candidate
	}
	for partition, id := range streams {
		move := leaving(c.at(first("sales"), partition), 7)
		move.Park = []eventstore.Parked{setAside(id.Key, eventstore.Position(partition+1))}
		c.ok(c.handles[0].move(c.ctx, move), "park")
	}
	return streams
}

// beginsEpochOf ends the clause unless do begins a new epoch of a partition, so that an older move of it is refused.
func (c *parkingTrial) beginsEpochOf(id eventstore.ConsumerID, partition int, do func()) {
	c.Helper()
	before := c.at(id, partition)
	do()
	if at := c.at(id, partition); at.Epoch <= before.Epoch {
		c.Fatalf("the partition of the stream is in epoch %d, before it was in %d", at.Epoch, before.Epoch)
	}
	c.refuses(eventstore.ErrCheckpointMoved, leaving(before, before.Position+1))
	c.goes(c.at(id, partition), before.Position+1)
}

func retryMarks(c *parkingTrial) {
	sales := first("sales")
	streams := c.twoPartitions(sales)
	marked := setAside(streams[1].Key, 2)
	marked.Retry = true
	for i, id := range []eventstore.ConsumerID{sales, live("sales")} {
		parking := c.parking[i%len(c.parking)]
		c.beginsEpochOf(sales, 1, func() { c.ok(parking.Retry(c.ctx, id, streams[1]), "retry") })
		c.hasParked(sales, setAside(streams[0].Key, 1), marked)
		again := leaving(c.at(sales, 1), c.at(sales, 1).Position+1)
		again.Park = []eventstore.Parked{setAside(streams[1].Key, 2)}
		c.ok(c.handles[0].move(c.ctx, again), "park what could not be handled again")
		c.hasParked(sales, setAside(streams[0].Key, 1), setAside(streams[1].Key, 2))
	}
}

func discardRemoves(c *parkingTrial) {
	sales := first("sales")
	streams := c.twoPartitions(sales)
	for i, id := range []eventstore.ConsumerID{sales, live("sales")} {
		parking := c.parking[i%len(c.parking)]
		c.beginsEpochOf(sales, i, func() { c.ok(parking.Discard(c.ctx, id, streams[i]), "discard") })
		if i == 0 {
			c.hasParked(sales, setAside(streams[1].Key, 2))
		}
	}
	c.hasParked(sales)
}

func notParked(c *parkingTrial) {
	sales := first("sales")
	streams := c.twoPartitions(sales)
	c.ok(c.parking[0].Discard(c.ctx, sales, streams[0]), "discard")
	before := c.all(c.handles[0], sales)
	refused := func(id eventstore.ConsumerID, stream eventstore.StreamID) {
		for _, parking := range c.parking {
			c.fails(parking.Retry(c.ctx, id, stream), eventstore.ErrNotParked, "retry %q of %q", stream, id)
			c.fails(parking.Discard(c.ctx, id, stream), eventstore.ErrNotParked, "discard %q of %q", stream, id)
		}
	}
	refused(sales, streams[0])
	refused(sales, stream("never parked"))
	refused(sales, eventstore.StreamID{Category: "other", Key: streams[1].Key})
	for _, id := range []eventstore.ConsumerID{{Name: "sales", Version: 2}, first("undefined"), live("undefined")} {
		for _, parking := range c.parking {
			c.fails(parking.Retry(c.ctx, id, streams[1]), eventstore.ErrInvalid, "retry a stream of the undefined %q", id)
			c.fails(parking.Discard(c.ctx, id, streams[1]), eventstore.ErrInvalid, "discard a stream of the undefined %q", id)
		}
	}
	equal(c, "checkpoints", c.all(c.handles[0], sales), before)
	c.hasParked(sales, setAside(streams[1].Key, 2))
}

func oneDiscardWins(c *parkingTrial) {
	const racers = 6
	sales := first("sales")
	c.define(sales, 1)
	for range 10 {
		c.parks(sales, setAside("a", 1), setAside("b", 2))
		var won atomic.Int64
		c.race(racers, func(i int) error {
			err := c.parking[i%len(c.parking)].Discard(c.ctx, sales, stream("a"))
			if err == nil {
				won.Add(1)
			}
			return unless(err, eventstore.ErrNotParked)
		})
		equal(c, "winners of the same discard", won.Load(), 1)
		c.hasParked(sales, setAside("b", 2))
	}
}

// discardRacesMove lets somebody give up a sequence while a worker parks it as it is now. The worker does not bring back
// what was given up.
func discardRacesMove(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	for range 10 {
		c.parks(sales, setAside("a", 1))
		again := leaving(c.at(sales, 0), c.at(sales, 0).Position+1)
		again.Park = []eventstore.Parked{setAside("a", 1)}
		c.race(2, func(i int) error {
			if i == 0 {
				return c.parking[len(c.parking)-1].Discard(c.ctx, sales, stream("a"))
			}
			return unless(c.handles[0].move(c.ctx, again), eventstore.ErrCheckpointMoved)
		})
		c.hasParked(sales)
	}
}

func endedContextEndsParking(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.parks(sales, setAside("a", 1))
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	for _, parking := range c.parking {
		_, err := parking.Parked(ctx, sales, eventstore.ParkedQuery{})
		c.fails(err, context.Canceled, "Parked")
		_, err = parking.Skipped(ctx, sales, 1)
		c.fails(err, context.Canceled, "Skipped")
		c.fails(parking.Retry(ctx, sales, stream("a")), context.Canceled, "Retry")
		c.fails(parking.Discard(ctx, sales, stream("a")), context.Canceled, "Discard")
	}
	c.hasParked(sales, setAside("a", 1))
}
