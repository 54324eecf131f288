package eventstoretest

import (
	"context"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// movingClauses hold what others can do while a partition is being moved.
func movingClauses[Tx any]() []clause[*targetTrial[Tx]] {
	return []clause[*targetTrial[Tx]]{
		{name: "a partition that is being moved keeps its owner", check: movingKeepsOwner[Tx]},
		{name: "control waits for a move", check: controlWaitsForMove[Tx]},
		{name: "a move holds up nobody who reads", check: moveHoldsUpNoReader[Tx]},
		{name: "a move holds up no other partition's control", check: moveHoldsUpNoOther[Tx]},
		{name: "a move with work is awaited", check: moveIsAwaited[Tx]},
	}
}

// heldMove is a move whose work does not end by itself.
type heldMove struct {
	result *pending[error]
	end    chan struct{}
}

// holds begins a move, from a checkpoint by one, whose work has made a mark and then waits.
func (c *targetTrial[Tx]) holds(at eventstore.Checkpoint, mark string) heldMove {
	c.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	held := heldMove{end: end, result: begin(c.run, "a held move", func() error {
		return c.Target.Advance(c.ctx, leaving(at, at.Position+1), func(ctx context.Context, tx Tx) error {
			err := c.Mark(ctx, tx, mark)
			close(begun)
			await(ctx, end)
			return err
		})
	})}
	await(c.ctx, begun)
	return held
}

// ends lets the work end, and returns the error of the move.
func (m heldMove) ends() error {
	close(m.end)
	return m.result.wait()
}

// movingKeepsOwner lets a member take over two partitions, of which one is being moved. Nobody waits.
func movingKeepsOwner[Tx any](c *targetTrial[Tx]) {
	sales := first("sales")
	c.define(sales, 2)
	c.coordinates(c.handles[0], sales, joins("a", long, 0, 1))
	before := c.all(c.handles[0], sales)
	held := c.holds(before[1], "a")
	for i := range 2 {
		c.coordinates(c.another(i), sales, joins("b", long, 0, 1))
		all := c.all(c.another(i), sales)
		equal(c, "owners while a partition is being moved", ownersOf(all), []string{"b", "a"})
		equal(c, "epoch of the partition that is being moved", all[1].Epoch, before[1].Epoch)
	}
	equal(c, "the move is over", held.result.isOver(), false)
	c.ok(held.ends(), "the held move")
	equal(c, "owners of the roster", ownersOf(c.roster(sales).Partitions), []string{"b", "a"})
	c.coordinates(c.another(1), sales, joins("b", long, 1))
	equal(c, "owners when it is asked again", ownersOf(c.all(c.handles[0], sales)), []string{"b", "b"})
	before[1].Position++
	c.refuses(eventstore.ErrCheckpointMoved, leaving(before[1], 9))
}

// controlWaitsForMove begins what concerns a partition while it is being moved. It is done when the move was made, and
// not in the middle of it.
func controlWaitsForMove[Tx any](c *targetTrial[Tx]) {
	parked := c.parking()
	for i, control := range []struct {
		what string
		do   func(id eventstore.ConsumerID, at eventstore.Checkpoint) error
		want error
	}{
		{"pause", func(_ eventstore.ConsumerID, at eventstore.Checkpoint) error {
			return c.another(1).Pause(c.ctx, at, "too late")
		}, eventstore.ErrCheckpointMoved},
		{"halt", func(id eventstore.ConsumerID, _ eventstore.Checkpoint) error {
			position, err := c.another(1).Halt(c.ctx, long, id)
			if err == nil && position != 2 {
				err = fmt.Errorf("halted at %d", position)
			}
			return err
		}, nil},
		{"repartition", func(id eventstore.ConsumerID, _ eventstore.Checkpoint) error {
			return c.another(1).Repartition(c.ctx, id, 2)
		}, nil},
		{"discard", func(id eventstore.ConsumerID, _ eventstore.Checkpoint) error {
			return parked.parking[len(parked.parking)-1].Discard(c.ctx, id, stream("a"))
		}, nil},
		{"forget", func(id eventstore.ConsumerID, _ eventstore.Checkpoint) error {
			return c.another(1).Forget(c.ctx, id)
		}, nil},
	} {
		id := first(counted("consumer", i))
		c.define(id, 1)
		parked.parks(id, setAside("a", 1))
		at := c.at(id, 0)
		held := c.holds(at, id.Name)
		controlled := begin(c.run, control.what, func() error { return control.do(id, at) })
		equal(c, control.what+" is done in the middle of a move", controlled.isDone(), false)
		c.ok(held.ends(), "the held move")
		if err := controlled.wait(); control.want != nil {
			c.fails(err, control.want, "%s", control.what)
		} else {
			c.ok(err, "%s", control.what)
		}
	}
}

func moveHoldsUpNoReader[Tx any](c *targetTrial[Tx]) {
	sales := first("sales")
	c.define(sales, 2)
	parked := c.parking()
	parked.parks(sales, setAside("a", 1))
	before := c.all(c.handles[0], sales)
	held := c.holds(before[0], "a")
	for i, handle := range c.handles {
		equal(c, "checkpoints", c.all(handle, sales), before)
		equal(c, "consumers", len(c.consumers(handle)), 1)
		equal(c, "parked", len(parked.parked(parked.parking[i], sales)), 1)
		times, err := c.Marks(c.ctx, "a")
		c.ok(err, "count marks")
		equal(c, "marks", times, 0)
		c.coordinates(handle, sales, joins("a", long))
		waiting := c.awaits(handle, sales, moment, anyBeyond(-1))
		c.ok(waiting.wait(), "Await")
	}
	c.ok(held.ends(), "the held move")
	c.marked("a", 1, sales, before[0].Position+1)
}

func moveHoldsUpNoOther[Tx any](c *targetTrial[Tx]) {
	sales, other := first("sales"), first("other")
	c.define(sales, 2)
	c.define(other, 2)
	held := c.holds(c.at(sales, 0), "a")
	c.goes(c.at(sales, 1), 5)
	c.pauses(c.at(sales, 1), "a reason")
	c.moves(other, 7)
	c.halt(1, other)
	c.ok(c.another(1).Proceed(c.ctx, other), "proceed")
	c.repartition(1, other, 3)
	c.forget(0, other)
	equal(c, "the move is over", held.result.isOver(), false)
	c.ok(held.ends(), "the held move")
	equal(c, "position", c.at(sales, 0).Position, 1)
}

// moveIsAwaited waits for a move before its work has ended, on the handle that makes it.
func moveIsAwaited[Tx any](c *targetTrial[Tx]) {
	sales := first("sales")
	c.define(sales, 1)
	for position := range eventstore.Position(3) {
		held := c.holds(c.at(sales, 0), "a")
		waiting := c.awaits(c.handles[0], sales, long, anyBeyond(position))
		equal(c, "Await has returned before the move", waiting.isOver(), false)
		c.ok(held.ends(), "the held move")
		c.ok(waiting.wait(), "Await")
	}
}
