package eventstoretest

import "github.com/pasttense/pasttense/eventstore"

// forgetClauses hold that Forget leaves nothing of a consumer, and takes nothing from one that is at work.
func forgetClauses() []clause[*consumerTrial] {
	return []clause[*consumerTrial]{
		{name: "a forgotten consumer begins anew", check: forgottenBeginsAnew},
		{name: "a consumer at work is not forgotten", check: ownedIsKept},
		{name: "a consumer with a stand-by is not forgotten", check: standByIsKept},
		{name: "a consumer whose member is gone is forgotten", check: expiredIsForgotten},
		{name: "versions are forgotten one by one", check: versionsAreForgotten},
		{name: "a move of a forgotten consumer is refused", check: forgottenDoesNotMove},
	}
}

func (c *consumerTrial) forget(number int, id eventstore.ConsumerID) {
	c.Helper()
	c.ok(c.another(number).Forget(c.ctx, id), "forget %q", id)
}

func forgottenBeginsAnew(c *consumerTrial) {
	sales := first("sales")
	for i, id := range []eventstore.ConsumerID{sales, live("sales")} {
		c.define(sales, 3)
		c.coordinates(c.handles[0], sales, joins("a", long, 0))
		c.moves(sales, 7)
		c.halt(0, sales)
		c.pauses(c.at(sales, 1), "a reason")
		c.leaves("a", sales)
		c.forget(i, id)
		for _, handle := range c.handles {
			equal(c, "checkpoints", len(c.all(handle, sales)), 0)
			equal(c, "consumers", len(c.consumers(handle)), 0)
		}
		c.define(sales, 2)
		c.is(sales, 0)
		c.stops(sales, 0)
		equal(c, "partitions", len(c.all(c.handles[0], sales)), 2)
		equal(c, "live", c.at(sales, 0).Live, true)
		equal(c, "members", len(c.roster(sales).Members), 0)
		c.forget(0, sales)
	}
}

func ownedIsKept(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 3)
	c.moves(sales, 7)
	c.coordinates(c.handles[0], sales, joins("a", long, 1))
	before := c.all(c.handles[0], sales)
	for _, handle := range c.handles {
		c.fails(handle.Forget(c.ctx, sales), eventstore.ErrOwned, "forget who is at work")
	}
	equal(c, "checkpoints", c.all(c.handles[0], sales), before)
	c.leaves("a", sales)
	c.forget(1, sales)
	equal(c, "checkpoints", len(c.all(c.handles[0], sales)), 0)
}

// standByIsKept keeps a consumer that a member runs which waits for a partition.
func standByIsKept(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.moves(sales, 7)
	c.coordinates(c.handles[0], sales, joins("a", long))
	before := c.all(c.handles[0], sales)
	for _, handle := range c.handles {
		c.fails(handle.Forget(c.ctx, sales), eventstore.ErrOwned, "forget who has a stand-by")
	}
	equal(c, "checkpoints", c.all(c.handles[0], sales), before)
	c.coordinates(c.handles[0], sales, joins("a", moment))
	c.eventually("a consumer without members", func() bool {
		c.pass(moment / 10)
		return c.another(1).Forget(c.ctx, sales) == nil
	})
	equal(c, "checkpoints", len(c.all(c.handles[0], sales)), 0)
}

// leaves ends the lease of a member, which gives back what it owns.
func (c *consumerTrial) leaves(member string, id eventstore.ConsumerID) {
	c.Helper()
	c.coordinates(c.handles[0], id, func(roster *eventstore.Roster) {
		delete(roster.Members, member)
		for i := range roster.Partitions {
			if roster.Partitions[i].Owner == member {
				roster.Partitions[i].Owner = ""
			}
		}
	})
}

func expiredIsForgotten(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.coordinates(c.handles[0], sales, joins("a", moment, 0, 1))
	c.eventually("a partition without owner", func() bool {
		c.pass(moment / 10)
		return c.at(sales, 0).Owner == ""
	})
	c.forget(0, sales)
	equal(c, "checkpoints", len(c.all(c.handles[0], sales)), 0)
}

func versionsAreForgotten(c *consumerTrial) {
	one, two, other := first("sales"), eventstore.ConsumerID{Name: "sales", Version: 2}, first("stock")
	for _, id := range []eventstore.ConsumerID{one, two, other} {
		c.define(id, 2)
		c.moves(id, 7)
		c.coordinates(c.handles[0], id, joins("a", long))
	}
	c.leaves("a", two)
	c.forget(0, two)
	equal(c, "checkpoints", len(c.all(c.handles[0], two)), 0)
	c.is(one, 7)
	c.is(other, 7)
	equal(c, "members of the one that remains", len(c.roster(one).Members), 1)
	equal(c, "version 0 is the live one still", c.all(c.handles[0], live("sales")), c.all(c.handles[0], one))
}

func forgottenDoesNotMove(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.moves(sales, 7)
	at := c.at(sales, 1)
	c.forget(0, sales)
	c.refuses(eventstore.ErrCheckpointMoved, leaving(at, 8))
	c.define(sales, 2)
	c.refuses(eventstore.ErrCheckpointMoved, leaving(at, 8))
	c.is(sales, 0)
}
