package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

// advanceClauses hold that work and move happen both or neither.
func advanceClauses[Tx any]() []clause[*targetTrial[Tx]] {
	return []clause[*targetTrial[Tx]]{
		{name: "work and move appear together", check: workAndMoveAppearTogether[Tx]},
		{name: "no work is nothing to do", check: noWorkIsNothingToDo[Tx]},
		{name: "failed work leaves nothing", check: failedWorkLeavesNothing[Tx]},
		{name: "work that panics leaves nothing", check: panickingWorkLeavesNothing[Tx]},
		{name: "a canceled context leaves all or nothing", check: canceledWorkIsAtomic[Tx]},
		{name: "work of who is elsewhere or paused is not run", check: refusedWorkIsNotRun[Tx]},
		{name: "work of racing moves is run once", check: racingWorkIsRunOnce[Tx]},
		{name: "another takes over after failed work", check: anotherTakesOver[Tx]},
		{name: "many handlers of one consumer", check: manyHandlersOfOne[Tx]},
		{name: "many partitions of many consumers at once", check: manyPartitions[Tx]},
		{name: "killed connections", check: manyHandlersKilled[Tx], needs: []feature{needsKill}},
	}
}

// marked ends the clause unless a name was marked so often and the consumer's only partition is at a position.
func (c *targetTrial[Tx]) marked(name string, times int, consumer eventstore.ConsumerID, position eventstore.Position) {
	c.Helper()
	got, err := c.Marks(c.ctx, name)
	c.ok(err, "count marks of %q", name)
	equal(c, "marks of "+name, got, times)
	equal(c, "position of "+consumer.String(), c.at(consumer, 0).Position, position)
}

// to returns the move of a consumer's only partition to a position.
func (c *targetTrial[Tx]) to(consumer eventstore.ConsumerID, to eventstore.Position) eventstore.Move {
	c.Helper()
	return leaving(c.at(consumer, 0), to)
}

func workAndMoveAppearTogether[Tx any](c *targetTrial[Tx]) {
	sales := first("sales")
	c.define(sales, 1)
	work := func(ctx context.Context, tx Tx) error {
		for range 3 {
			if err := c.Mark(ctx, tx, "a"); err != nil {
				return err
			}
		}
		all, err := c.Target.Checkpoints(ctx, sales)
		if err != nil {
			return err
		}
		times, err := c.Marks(ctx, "a")
		if err == nil && (times != 0 || all[0].Position != 0) {
			err = fmt.Errorf("%d marks and position %d are seen before the transaction has ended", times, all[0].Position)
		}
		return err
	}
	c.ok(c.Target.Advance(c.ctx, c.to(sales, 7), work), "advance")
	c.marked("a", 3, sales, 7)
}

func noWorkIsNothingToDo[Tx any](c *targetTrial[Tx]) {
	sales := first("sales")
	c.define(sales, 1)
	for i, target := range c.targets {
		move := c.to(sales, eventstore.Position(i+1))
		c.ok(target.Advance(c.ctx, move, nil), "advance without work")
		c.is(sales, move.To)
		c.fails(target.Advance(c.ctx, move, nil), eventstore.ErrCheckpointMoved, "advance again without work")
	}
}

var errWork = errors.New("work failed")

func failedWorkLeavesNothing[Tx any](c *targetTrial[Tx]) {
	sales := first("sales")
	c.define(sales, 1)
	before := c.at(sales, 0)
	for i := range 3 {
		run := 0
		err := c.Target.Advance(c.ctx, c.to(sales, 7), func(ctx context.Context, tx Tx) error {
			run++
			if i == 1 {
				return errWork
			}
			return errors.Join(c.Mark(ctx, tx, "a"), errWork)
		})
		c.fails(err, errWork, "advance with work that fails")
		equal(c, "runs of failing work", run, 1)
		c.marked("a", 0, sales, 0)
		equal(c, "checkpoint", c.at(sales, 0), before)
	}
	c.advances(sales, 7, "a")
	c.marked("a", 1, sales, 7)
}

// advances makes a move whose work is one mark.
func (c *targetTrial[Tx]) advances(consumer eventstore.ConsumerID, to eventstore.Position, mark string) {
	c.Helper()
	c.ok(c.Target.Advance(c.ctx, c.to(consumer, to), c.marking(mark)), "advance %q to %d", consumer, to)
}

// marking is work that makes one mark.
func (c *targetTrial[Tx]) marking(name string) func(ctx context.Context, tx Tx) error {
	return func(ctx context.Context, tx Tx) error { return c.Mark(ctx, tx, name) }
}

func panickingWorkLeavesNothing[Tx any](c *targetTrial[Tx]) {
	sales := first("sales")
	c.define(sales, 1)
	for range 20 {
		c.panics(c.to(sales, 7), func(ctx context.Context, tx Tx) error {
			if err := c.Mark(ctx, tx, "a"); err != nil {
				return err
			}
			panic("work panics")
		})
		c.marked("a", 0, sales, 0)
	}
	c.advances(sales, 7, "a")
	c.marked("a", 1, sales, 7)
}

// panics advances with work that panics. The panic may go on, or come back as an error.
func (c *targetTrial[Tx]) panics(move eventstore.Move, work func(ctx context.Context, tx Tx) error) {
	c.Helper()
	defer func() { _ = recover() }()
	if err := c.Target.Advance(c.ctx, move, work); err == nil {
		c.Fatalf("advance with work that panics has returned no error")
	}
}

func canceledWorkIsAtomic[Tx any](c *targetTrial[Tx]) {
	for i := range 10 {
		consumer, mark := first(counted("consumer", i)), counted("mark", i)
		c.define(consumer, 1)
		ctx, cancel := context.WithCancel(c.ctx)
		err := c.Target.Advance(ctx, c.to(consumer, 7), func(ctx context.Context, tx Tx) error {
			err := c.Mark(ctx, tx, mark)
			cancel()
			return err
		})
		cancel()
		position := c.at(consumer, 0).Position
		if err == nil && position != 7 {
			c.Fatalf("advance has returned no error, and the checkpoint is at %d", position)
		}
		c.marked(mark, int(position/7), consumer, position)
	}
}

func refusedWorkIsNotRun[Tx any](c *targetTrial[Tx]) {
	sales, paused := first("sales"), first("paused")
	for _, id := range []eventstore.ConsumerID{sales, paused} {
		c.define(id, 1)
		c.advances(id, 7, "first")
	}
	c.pauses(c.at(paused, 0), "a reason")
	run := 0
	work := func(ctx context.Context, tx Tx) error { run++; return c.Mark(ctx, tx, "refused") }
	elsewhere, before, invalid, nowhere := c.to(sales, 8), c.to(sales, 8), c.to(sales, 6), c.to(sales, 8)
	elsewhere.From--
	nowhere.Partition++
	c.coordinates(c.handles[0], sales, joins("a", long, 0))
	for _, target := range c.targets {
		c.fails(target.Advance(c.ctx, elsewhere, work), eventstore.ErrCheckpointMoved, "advance from elsewhere")
		c.fails(target.Advance(c.ctx, before, work), eventstore.ErrCheckpointMoved, "advance in an older epoch")
		c.fails(target.Advance(c.ctx, nowhere, work), eventstore.ErrCheckpointMoved, "advance a partition that is not there")
		c.fails(target.Advance(c.ctx, c.to(paused, 8), work), eventstore.ErrPaused, "advance who is paused")
		c.fails(target.Advance(c.ctx, invalid, work), eventstore.ErrInvalid, "advance backwards")
	}
	equal(c, "runs of refused work", run, 0)
	c.marked("refused", 0, sales, 7)
	equal(c, "position of who is paused", c.at(paused, 0).Position, 7)
}

func racingWorkIsRunOnce[Tx any](c *targetTrial[Tx]) {
	const racers = 8
	for round := range 10 {
		consumer, mark := first(counted("consumer", round/2)), counted("mark", round)
		c.define(consumer, 1)
		move := c.to(consumer, eventstore.Position(10*(1+round%2)))
		var won, run atomic.Int64
		c.race(racers, func(i int) error {
			err := c.targets[i%len(c.targets)].Advance(c.ctx, move, func(ctx context.Context, tx Tx) error {
				run.Add(1)
				return c.Mark(ctx, tx, mark)
			})
			if err == nil {
				won.Add(1)
			}
			return unless(err, eventstore.ErrCheckpointMoved)
		})
		equal(c, "winners of the same move", won.Load(), 1)
		equal(c, "runs of the work", run.Load(), 1)
		c.marked(mark, 1, consumer, move.To)
	}
}

// anotherTakesOver lets the first racer's work fail, while the others wait or are refused; one of them makes the move.
func anotherTakesOver[Tx any](c *targetTrial[Tx]) {
	const racers = 6
	for round := range 5 {
		consumer, mark := first(counted("consumer", round)), counted("mark", round)
		c.define(consumer, 1)
		move := c.to(consumer, 10)
		var failed atomic.Bool
		c.race(racers, func(i int) error {
			for c.ctx.Err() == nil {
				err := c.targets[i%len(c.targets)].Advance(c.ctx, move, func(ctx context.Context, tx Tx) error {
					if err := c.Mark(ctx, tx, mark); err != nil {
						return err
					}
					if failed.CompareAndSwap(false, true) {
						return errWork
					}
					return nil
				})
				if !errors.Is(err, errWork) {
					return unless(err, eventstore.ErrCheckpointMoved)
				}
			}
			return c.ctx.Err()
		})
		c.marked(mark, 1, consumer, 10)
	}
}

func manyHandlersOfOne[Tx any](c *targetTrial[Tx]) {
	c.chain(c.size/2, func(err error) bool { return errors.Is(err, eventstore.ErrCheckpointMoved) })
}

// chain lets several handlers move one consumer step by step, with a mark for each step.
func (c *targetTrial[Tx]) chain(steps int, goesOn func(err error) bool) {
	c.Helper()
	const racers = 4
	c.define(first("chain"), 1)
	c.race(racers, func(i int) error {
		target := c.targets[i%len(c.targets)]
		for {
			err := c.step(target, eventstore.Position(steps))
			switch {
			case errors.Is(err, errChainEnds):
				return nil
			case c.ctx.Err() != nil:
				return c.ctx.Err()
			case err != nil && !goesOn(err):
				return err
			}
		}
	})
	for step := range steps {
		times := surely(c.run, "the marks of a step", func() (int, error) { return c.Marks(c.ctx, counted("step", step)) })
		equal(c, fmt.Sprintf("marks of step %d", step), times, 1)
	}
}

var errChainEnds = errors.New("there is no further step")

// step moves the consumer of a chain on by one.
func (c *targetTrial[Tx]) step(target eventstore.Target[Tx], end eventstore.Position) error {
	all, err := target.Checkpoints(c.ctx, first("chain"))
	if err != nil {
		return err
	}
	at := all[0]
	if at.Position == end {
		return errChainEnds
	}
	return target.Advance(c.ctx, leaving(at, at.Position+1), c.marking(counted("step", int(at.Position))))
}

// manyPartitions moves several partitions of several consumers at the same time.
func manyPartitions[Tx any](c *targetTrial[Tx]) {
	const consumers, partitions = 3, 3
	steps := max(c.size/consumers/partitions/2, 1)
	for i := range consumers {
		c.define(first(counted("consumer", i)), partitions)
	}
	c.race(consumers*partitions, func(i int) error {
		consumer, partition := first(counted("consumer", i/partitions)), i%partitions
		target := c.targets[i%len(c.targets)]
		all, err := target.Checkpoints(c.ctx, consumer)
		if err != nil {
			return err
		}
		for at := all[partition]; at.Position < eventstore.Position(steps); at.Position++ {
			mark := counted("mark", i/partitions, partition)
			if err := target.Advance(c.ctx, leaving(at, at.Position+1), c.marking(mark)); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range consumers {
		for partition := range partitions {
			mark := counted("mark", i, partition)
			times, err := c.Marks(c.ctx, mark)
			c.ok(err, "count marks of %q", mark)
			equal(c, "marks of "+mark, times, steps)
		}
		c.is(first(counted("consumer", i)), eventstore.Position(steps))
	}
}

// manyHandlersKilled breaks connections under a chain: any error may come, and every step is still made once.
func manyHandlersKilled[Tx any](c *targetTrial[Tx]) {
	const kills = 4
	steps := c.size / 4
	killing := begin(c.run, "kill connections", func() error {
		for range kills {
			c.pause(silence / 2)
			if err := c.Kill(c.ctx); err != nil {
				return err
			}
		}
		return nil
	})
	c.chain(steps, func(error) bool { c.pause(silence / 10); return true })
	c.ok(killing.wait(), "kill connections")
}
