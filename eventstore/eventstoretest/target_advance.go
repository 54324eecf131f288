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
		{name: "failed work leaves nothing", check: failedWorkLeavesNothing[Tx]},
		{name: "work that panics leaves nothing", check: panickingWorkLeavesNothing[Tx]},
		{name: "a canceled context leaves all or nothing", check: canceledWorkIsAtomic[Tx]},
		{name: "work of who is elsewhere or paused is not run", check: refusedWorkIsNotRun[Tx]},
		{name: "work of racing moves is run once", check: racingWorkIsRunOnce[Tx]},
		{name: "another takes over after failed work", check: anotherTakesOver[Tx]},
		{name: "many handlers of one consumer", check: manyHandlersOfOne[Tx]},
		{name: "many consumers at once", check: manyConsumers[Tx]},
		{name: "killed connections", check: manyHandlersKilled[Tx], needs: []feature{needsKill}},
	}
}

// marked ends the clause unless a name was marked so often and the consumer is at a position.
func (c *targetTrial[Tx]) marked(name string, times int, consumer string, position eventstore.Position) {
	c.Helper()
	got, err := c.Marks(c.ctx, name)
	c.ok(err, "count marks of %q", name)
	equal(c, "marks of "+name, got, times)
	checkpoint, err := c.Target.Checkpoint(c.ctx, consumer)
	c.ok(err, "read checkpoint of %q", consumer)
	equal(c, "position of "+consumer, checkpoint.Position, position)
}

func workAndMoveAppearTogether[Tx any](c *targetTrial[Tx]) {
	work := func(ctx context.Context, tx Tx) error {
		for range 3 {
			if err := c.Mark(ctx, tx, "a"); err != nil {
				return err
			}
		}
		checkpoint, err := c.Target.Checkpoint(ctx, "sales")
		if err != nil {
			return err
		}
		times, err := c.Marks(ctx, "a")
		if err == nil && (times != 0 || checkpoint.Position != 0) {
			err = fmt.Errorf("%d marks and position %d are seen before the transaction has ended", times, checkpoint.Position)
		}
		return err
	}
	c.ok(c.Target.Advance(c.ctx, eventstore.Move{Consumer: "sales", To: 7}, work), "advance")
	c.marked("a", 3, "sales", 7)
}

var errWork = errors.New("work failed")

func failedWorkLeavesNothing[Tx any](c *targetTrial[Tx]) {
	for i := range 3 {
		run := 0
		err := c.Target.Advance(c.ctx, eventstore.Move{Consumer: "sales", To: 7}, func(ctx context.Context, tx Tx) error {
			run++
			if i == 1 {
				return errWork
			}
			return errors.Join(c.Mark(ctx, tx, "a"), errWork)
		})
		c.fails(err, errWork, "advance with work that fails")
		equal(c, "runs of failing work", run, 1)
		c.marked("a", 0, "sales", 0)
	}
	c.advances("sales", 0, 7, "a")
	c.marked("a", 1, "sales", 7)
}

// advances makes a move whose work is one mark.
func (c *targetTrial[Tx]) advances(consumer string, from, to eventstore.Position, mark string) {
	c.Helper()
	err := c.Target.Advance(c.ctx, eventstore.Move{Consumer: consumer, From: from, To: to}, c.marking(mark))
	c.ok(err, "advance %q from %d to %d", consumer, from, to)
}

// marking is work that makes one mark.
func (c *targetTrial[Tx]) marking(name string) func(ctx context.Context, tx Tx) error {
	return func(ctx context.Context, tx Tx) error { return c.Mark(ctx, tx, name) }
}

func panickingWorkLeavesNothing[Tx any](c *targetTrial[Tx]) {
	for range 20 {
		c.panics(func(ctx context.Context, tx Tx) error {
			if err := c.Mark(ctx, tx, "a"); err != nil {
				return err
			}
			panic("work panics")
		})
		c.marked("a", 0, "sales", 0)
	}
	c.advances("sales", 0, 7, "a")
	c.marked("a", 1, "sales", 7)
}

// panics advances with work that panics. The panic may go on, or come back as an error.
func (c *targetTrial[Tx]) panics(work func(ctx context.Context, tx Tx) error) {
	c.Helper()
	defer func() { _ = recover() }()
	if err := c.Target.Advance(c.ctx, eventstore.Move{Consumer: "sales", To: 7}, work); err == nil {
		c.Fatalf("advance with work that panics has returned no error")
	}
}

func canceledWorkIsAtomic[Tx any](c *targetTrial[Tx]) {
	for i := range 10 {
		consumer, mark := counted("consumer", i), counted("mark", i)
		ctx, cancel := context.WithCancel(c.ctx)
		err := c.Target.Advance(ctx, eventstore.Move{Consumer: consumer, To: 7}, func(ctx context.Context, tx Tx) error {
			err := c.Mark(ctx, tx, mark)
			cancel()
			return err
		})
		cancel()
		checkpoint, getErr := c.Target.Checkpoint(c.ctx, consumer)
		c.ok(getErr, "read checkpoint")
		if err == nil && checkpoint.Position != 7 {
			c.Fatalf("advance has returned no error, and the checkpoint is at %d", checkpoint.Position)
		}
		c.marked(mark, int(checkpoint.Position/7), consumer, checkpoint.Position)
	}
}

func refusedWorkIsNotRun[Tx any](c *targetTrial[Tx]) {
	c.advances("sales", 0, 7, "first")
	c.advances("paused", 0, 7, "first")
	c.ok(c.Target.Pause(c.ctx, "paused", 7, "a reason"), "pause")
	run := 0
	work := func(ctx context.Context, tx Tx) error { run++; return c.Mark(ctx, tx, "refused") }
	for _, target := range c.handles() {
		err := target.Advance(c.ctx, eventstore.Move{Consumer: "sales", From: 0, To: 8}, work)
		c.fails(err, eventstore.ErrCheckpointMoved, "advance from elsewhere")
		err = target.Advance(c.ctx, eventstore.Move{Consumer: "paused", From: 7, To: 8}, work)
		c.fails(err, eventstore.ErrPaused, "advance who is paused")
	}
	equal(c, "runs of refused work", run, 0)
	c.marked("refused", 0, "sales", 7)
	c.marked("refused", 0, "paused", 7)
}

func racingWorkIsRunOnce[Tx any](c *targetTrial[Tx]) {
	const racers = 8
	handles := c.handles()
	for round := range 10 {
		consumer, mark := counted("consumer", round/2), counted("mark", round)
		from := eventstore.Position(10 * (round % 2))
		var won, run atomic.Int64
		c.race(racers, func(i int) error {
			move := eventstore.Move{Consumer: consumer, From: from, To: from + 10}
			err := handles[i%len(handles)].Advance(c.ctx, move, func(ctx context.Context, tx Tx) error {
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
		c.marked(mark, 1, consumer, from+10)
	}
}

// anotherTakesOver lets the first racer's work fail, while the others wait or are refused; one of them makes the move.
func anotherTakesOver[Tx any](c *targetTrial[Tx]) {
	const racers = 6
	handles := c.handles()
	for round := range 5 {
		consumer, mark := counted("consumer", round), counted("mark", round)
		var failed atomic.Bool
		c.race(racers, func(i int) error {
			for c.ctx.Err() == nil {
				move := eventstore.Move{Consumer: consumer, To: 10}
				err := handles[i%len(handles)].Advance(c.ctx, move, func(ctx context.Context, tx Tx) error {
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
	handles := c.handles()
	c.race(racers, func(i int) error {
		target := handles[i%len(handles)]
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
	checkpoint, err := target.Checkpoint(c.ctx, "chain")
	if err != nil {
		return err
	}
	if checkpoint.Position == end {
		return errChainEnds
	}
	move := eventstore.Move{Consumer: "chain", From: checkpoint.Position, To: checkpoint.Position + 1}
	return target.Advance(c.ctx, move, c.marking(counted("step", int(checkpoint.Position))))
}

func manyConsumers[Tx any](c *targetTrial[Tx]) {
	const consumers = 6
	handles := c.handles()
	steps := max(c.size/consumers/2, 1)
	c.race(consumers, func(i int) error {
		consumer := counted("consumer", i)
		for step := range steps {
			move := eventstore.Move{Consumer: consumer, From: eventstore.Position(step), To: eventstore.Position(step + 1)}
			if err := handles[i%len(handles)].Advance(c.ctx, move, c.marking(consumer)); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range consumers {
		c.marked(counted("consumer", i), steps, counted("consumer", i), eventstore.Position(steps))
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
