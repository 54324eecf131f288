package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// awaitClauses hold that Await sees in time what it waits for.
func awaitClauses() []clause[*consumerTrial] {
	return []clause[*consumerTrial]{
		{name: "what is so already is returned at once", check: awaitReturnsAtOnce},
		{name: "a change by the same handle is seen soon", check: awaitSeesOwnChange},
		{name: "a move by the same handle is seen in full", check: awaitSeesWholeMove},
		{name: "a change by another handle is seen", check: awaitSeesOthersChange},
		{name: "a change by another handle ends a long wait", check: awaitGoesOnLooking},
		{name: "every kind of change is seen", check: awaitSeesEveryChange},
		{name: "a lease that runs out is seen", check: awaitSeesLeaseEnd},
		{name: "a consumer that is not defined is awaited", check: awaitSeesDefinition},
		{name: "an ended context returns what was seen", check: awaitEndsWithContext},
		{name: "many waiters", check: manyWaiters},
	}
}

// awaits begins to wait for checkpoints of a consumer, and returns when it has looked once.
func (c *consumerTrial) awaits(
	handle consumerHandle, id eventstore.ConsumerID, every time.Duration, done func(all []eventstore.Checkpoint) bool,
) *pending[error] {
	c.Helper()
	looked := make(chan struct{})
	waiting := begin(c.run, "Await", func() error {
		first := true
		seen, err := handle.Await(c.ctx, id, every, func(all []eventstore.Checkpoint) bool {
			if first {
				close(looked)
			}
			first = false
			return done(all)
		})
		if err == nil && !done(seen) {
			err = fmt.Errorf("Await has returned %+v", seen)
		}
		return err
	})
	await(c.ctx, looked)
	return waiting
}

// anyBeyond waits for a partition beyond a position.
func anyBeyond(position eventstore.Position) func(all []eventstore.Checkpoint) bool {
	return func(all []eventstore.Checkpoint) bool {
		for _, at := range all {
			if at.Position > position {
				return true
			}
		}
		return false
	}
}

func awaitReturnsAtOnce(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 3)
	c.moves(sales, 7)
	for _, handle := range c.handles {
		for _, id := range []eventstore.ConsumerID{sales, live("sales")} {
			times := 0
			seen, err := handle.Await(c.ctx, id, long, func([]eventstore.Checkpoint) bool { times++; return true })
			c.ok(err, "Await")
			equal(c, "calls of done", times, 1)
			equal(c, "what Await returns", seen, c.all(handle, sales))
		}
	}
}

func awaitSeesOwnChange(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	for i := range eventstore.Position(5) {
		waiting := c.awaits(c.handles[0], sales, long, anyBeyond(i))
		equal(c, "Await has returned too early", waiting.isOver(), false)
		c.goes(c.at(sales, int(i)%2), i+1)
		c.ok(waiting.wait(), "Await")
	}
}

// awaitSeesWholeMove compares what is told of moves with what is kept of them.
func awaitSeesWholeMove(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	for i := range 6 {
		id := []eventstore.ConsumerID{sales, live("sales")}[i%2]
		position := eventstore.Position(i)
		var last []eventstore.Checkpoint
		waiting := c.awaits(c.handles[0], id, long, func(all []eventstore.Checkpoint) bool {
			last = slices.Clone(all)
			return anyBeyond(position)(all)
		})
		move := leaving(c.at(sales, i/2%2), position+1)
		move.Events = i
		c.ok(c.handles[0].move(c.ctx, move), "move")
		c.ok(waiting.wait(), "Await")
		equal(c, "what Await returns", last, c.all(c.handles[0], sales))
	}
}

func awaitSeesOthersChange(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	for i := range 4 {
		position := eventstore.Position(i)
		waiting := c.awaits(c.another(i), sales, moment, anyBeyond(position))
		move := leaving(c.at(sales, i%2), position+1)
		c.ok(c.another(i+1).move(c.ctx, move), "move by another handle")
		c.ok(waiting.wait(), "Await")
	}
}

// awaitGoesOnLooking waits for longer than it takes until looks become rarer.
func awaitGoesOnLooking(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 1)
	waiting := c.awaits(c.another(1), sales, moment, anyBeyond(0))
	c.pause(10 * moment)
	equal(c, "Await has returned too early", waiting.isOver(), false)
	c.moves(sales, 1)
	c.ok(waiting.wait(), "Await")
}

// awaitSeesEveryChange waits for each kind of change on the handle that makes it.
func awaitSeesEveryChange(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 1)
	handle := c.handles[0]
	for _, change := range []struct {
		what string
		do   func() error
		seen func(at eventstore.Checkpoint) bool
	}{
		{
			"an owner", func() error { return handle.Coordinate(c.ctx, sales, joins("a", long, 0)) },
			func(at eventstore.Checkpoint) bool { return at.Owner == "a" },
		},
		{
			"a pause", func() error { return handle.Pause(c.ctx, c.at(sales, 0), "a reason") },
			func(at eventstore.Checkpoint) bool { return at.Paused },
		},
		{
			"its end", func() error { return handle.Resume(c.ctx, sales) },
			func(at eventstore.Checkpoint) bool { return !at.Paused },
		},
		{
			"a move", func() error { return handle.move(c.ctx, leaving(c.at(sales, 0), 7)) },
			func(at eventstore.Checkpoint) bool { return at.Position == 7 },
		},
		{
			"a halt", func() error { _, err := handle.Halt(c.ctx, long, sales); return err },
			func(at eventstore.Checkpoint) bool { return at.StopAt == 7 },
		},
		{
			"its end", func() error { return handle.Proceed(c.ctx, sales) },
			func(at eventstore.Checkpoint) bool { return at.StopAt == 0 },
		},
		{
			"another number", func() error { return handle.Repartition(c.ctx, sales, 2) },
			func(at eventstore.Checkpoint) bool { return at.Partitions == 2 },
		},
	} {
		waiting := c.awaits(handle, sales, long, func(all []eventstore.Checkpoint) bool { return change.seen(all[0]) })
		c.ok(change.do(), "%s", change.what)
		c.ok(waiting.wait(), "Await %s", change.what)
	}
}

// awaitSeesLeaseEnd waits for what no change brings about.
func awaitSeesLeaseEnd(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.coordinates(c.handles[0], sales, joins("a", long, 0))
	unowned := func(all []eventstore.Checkpoint) bool { return all[0].Owner == "" }
	waiting := c.awaits(c.another(1), sales, moment, unowned)
	c.coordinates(c.handles[0], sales, joins("a", 4*moment))
	c.quiet() // it looks because of the change, and the lease has not run out
	c.pass(4 * moment)
	c.ok(waiting.wait(), "Await the end of a lease")
}

func awaitSeesDefinition(c *consumerTrial) {
	for i, id := range []eventstore.ConsumerID{first("sales"), live("stock")} {
		waiting := c.awaits(c.another(i), id, moment, func(all []eventstore.Checkpoint) bool { return len(all) == 2 })
		c.define(first(id.Name), 2)
		c.ok(waiting.wait(), "Await a definition")
	}
}

func awaitEndsWithContext(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.moves(sales, 7)
	for _, handle := range c.handles {
		ctx, cancel := context.WithCancel(c.ctx)
		seen, err := handle.Await(ctx, sales, long, func([]eventstore.Checkpoint) bool { cancel(); return false })
		cancel()
		c.fails(err, context.Canceled, "Await with a context that ends")
		equal(c, "what Await returns with its error", seen, c.all(handle, sales))
	}
}

// manyWaiters lets many wait for different positions, and one goes on without them. Each returns when it is time.
func manyWaiters(c *consumerTrial) {
	const waiters, end = 200, 10
	sales := first("sales")
	c.define(sales, 2)
	var began, returned atomic.Int64
	waiting := make([]*pending[error], waiters)
	for i := range waiters {
		var inside atomic.Bool
		looked, over := false, errors.New("done was called by two at once")
		waiting[i] = begin(c.run, "Await", func() error {
			ctx, cancel := context.WithCancel(c.ctx)
			defer cancel()
			apart := true
			_, err := c.another(i).Await(ctx, sales, moment, func(all []eventstore.Checkpoint) bool {
				apart = apart && inside.CompareAndSwap(false, true)
				defer inside.Store(false)
				if !looked {
					looked = true
					began.Add(1)
				}
				return anyBeyond(eventstore.Position(i % end))(all)
			})
			returned.Add(1)
			if !apart {
				return over
			}
			return err
		})
	}
	c.eventually("many waiters that have looked", func() bool { return began.Load() == waiters })
	equal(c, "waiters that returned too early", returned.Load(), 0)
	for position := range eventstore.Position(end) {
		c.ok(c.another(int(position)).move(c.ctx, leaving(c.at(sales, 0), position+1)), "move")
		c.eventually("the waiters for a position", func() bool {
			return returned.Load() == (int64(position)+1)*waiters/end
		})
	}
	for _, w := range waiting {
		c.ok(w.wait(), "Await")
	}
}
