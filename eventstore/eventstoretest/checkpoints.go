package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

// checkpointHandle is a target or an agenda, of which only the checkpoints matter.
type checkpointHandle struct {
	eventstore.Checkpoints

	move func(ctx context.Context, move eventstore.Move) error
}

// checkpointTrial is one run of a clause of checkpoints.
type checkpointTrial struct {
	*run

	handles []checkpointHandle
}

// checkpointClauses hold what Checkpoints and the errors of moves say of themselves. They are the same for all that
// keep checkpoints.
func checkpointClauses[C any](of func(c C) *checkpointTrial) []clause[C] {
	var clauses []clause[C]
	for _, k := range []clause[*checkpointTrial]{
		{name: "a new consumer is at 0", check: newConsumerAtZero},
		{name: "moves go on where the last one ended", check: movesGoOn},
		{name: "a move from elsewhere is refused", check: moveFromElsewhere},
		{name: "an invalid move is refused", check: invalidMove},
		{name: "one of many racing moves wins", check: oneMoveWins},
		{name: "consumers do not concern each other", check: consumersAreApart},
		{name: "a paused consumer does not move", check: pausedDoesNotMove},
		{name: "a pause at a moved position is refused", check: pauseAtMoved},
		{name: "a pause races a move", check: pauseRacesMove},
		{name: "a resumed consumer goes on", check: resumedGoesOn},
		{name: "resuming who is not paused does nothing", check: resumeDoesNothing},
		{name: "a reason of any bytes", check: anyReason},
		{name: "an ended context ends every method", check: endedContextEndsCheckpoints},
	} {
		clauses = append(clauses, clause[C]{name: k.name, check: func(c C) { k.check(of(c)) }})
	}
	return clauses
}

// is ends the clause unless all handles have the consumer at a position, not paused.
func (c *checkpointTrial) is(consumer string, position eventstore.Position) {
	c.Helper()
	for _, handle := range c.handles {
		got := c.get(handle, consumer)
		equal(c, "position of "+consumer, got.Position, position)
		equal(c, "paused "+consumer, got.Paused, false)
		equal(c, "reason of "+consumer, got.Reason, "")
	}
}

func (c *checkpointTrial) get(handle checkpointHandle, consumer string) eventstore.Checkpoint {
	c.Helper()
	got, err := handle.Checkpoint(c.ctx, consumer)
	c.ok(err, "read checkpoint of %q", consumer)
	equal(c, "consumer of the checkpoint", got.Consumer, consumer)
	return got
}

func (c *checkpointTrial) moves(consumer string, from, to eventstore.Position) {
	c.Helper()
	err := c.handles[0].move(c.ctx, eventstore.Move{Consumer: consumer, From: from, To: to})
	c.ok(err, "move %q from %d to %d", consumer, from, to)
}

func (c *checkpointTrial) refuses(want error, consumer string, from, to eventstore.Position) {
	c.Helper()
	for _, handle := range c.handles {
		err := handle.move(c.ctx, eventstore.Move{Consumer: consumer, From: from, To: to})
		c.fails(err, want, "move %q from %d to %d", consumer, from, to)
	}
}

func (c *checkpointTrial) pauses(consumer string, at eventstore.Position, reason string) {
	c.Helper()
	c.ok(c.handles[0].Pause(c.ctx, consumer, at, reason), "pause %q at %d", consumer, at)
}

func newConsumerAtZero(c *checkpointTrial) {
	for _, handle := range c.handles {
		equal(c, "checkpoint of a new consumer", c.get(handle, "new"), eventstore.Checkpoint{Consumer: "new"})
	}
}

func movesGoOn(c *checkpointTrial) {
	at := eventstore.Position(0)
	for i, to := range []eventstore.Position{0, 1, 2, 2, 17, 1 << 40, 1<<62 - 1} {
		handle := c.handles[i%len(c.handles)]
		c.ok(handle.move(c.ctx, eventstore.Move{Consumer: "sales", From: at, To: to}), "move from %d to %d", at, to)
		at = to
		c.is("sales", at)
	}
	if c.get(c.handles[0], "sales").UpdatedAt.IsZero() {
		c.Fatalf("UpdatedAt of a checkpoint that was moved is zero")
	}
}

func moveFromElsewhere(c *checkpointTrial) {
	c.refuses(eventstore.ErrCheckpointMoved, "sales", 5, 10)
	c.is("sales", 0)
	c.moves("sales", 0, 5)
	for _, from := range []eventstore.Position{0, 4, 6, 10} {
		c.refuses(eventstore.ErrCheckpointMoved, "sales", from, 10)
	}
	c.is("sales", 5)
	c.moves("sales", 5, 10)
	c.refuses(eventstore.ErrCheckpointMoved, "sales", 5, 10)
	c.is("sales", 10)
}

func invalidMove(c *checkpointTrial) {
	c.moves("sales", 0, 7)
	c.refuses(eventstore.ErrInvalid, "sales", 7, 6)
	c.refuses(eventstore.ErrInvalid, "sales", 7, -1)
	c.refuses(eventstore.ErrInvalid, "sales", -1, 8)
	c.is("sales", 7)
	for _, name := range badNames() {
		c.refuses(eventstore.ErrInvalid, name, 0, 1)
	}
	c.refuses(eventstore.ErrInvalid, strings.Repeat("n", eventstore.MaxConsumerBytes+1), 0, 1)
}

func oneMoveWins(c *checkpointTrial) {
	const racers = 8
	for round := range 10 {
		for step := range 3 {
			consumer := counted("consumer", round)
			from := eventstore.Position(10 * step)
			var won atomic.Int64
			c.race(racers, func(i int) error {
				err := c.handles[i%len(c.handles)].move(c.ctx, eventstore.Move{Consumer: consumer, From: from, To: from + 10})
				if err == nil {
					won.Add(1)
				}
				return unless(err, eventstore.ErrCheckpointMoved)
			})
			equal(c, "winners of the same move", won.Load(), 1)
			c.is(consumer, from+10)
		}
	}
}

// unless returns err, but nil when it wraps expected.
func unless(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

func consumersAreApart(c *checkpointTrial) {
	names := append(oddNames(), "a-b", "$pm.x", strings.Repeat("n", eventstore.MaxConsumerBytes))
	for i, name := range names {
		c.moves(name, 0, eventstore.Position(i+1))
	}
	c.pauses(names[0], 1, "only this one")
	for i, name := range names[1:] {
		c.is(name, eventstore.Position(i+2))
	}
}

func pausedDoesNotMove(c *checkpointTrial) {
	c.moves("moved", 0, 7)
	for consumer, at := range map[string]eventstore.Position{"moved": 7, "new": 0} {
		c.pauses(consumer, at, "cannot handle it")
		c.refuses(eventstore.ErrPaused, consumer, at, at+1)
		c.pauses(consumer, at, "who pauses again is not heard")
		for _, handle := range c.handles {
			got := c.get(handle, consumer)
			equal(c, "paused", got.Paused, true)
			equal(c, "reason", got.Reason, "cannot handle it")
			equal(c, "position", got.Position, at)
		}
	}
}

func pauseAtMoved(c *checkpointTrial) {
	c.moves("sales", 0, 7)
	for _, at := range []eventstore.Position{0, 6, 8} {
		for _, handle := range c.handles {
			err := handle.Pause(c.ctx, "sales", at, "too late")
			c.fails(err, eventstore.ErrCheckpointMoved, "pause at %d who is at 7", at)
		}
	}
	c.is("sales", 7)
	c.fails(c.handles[0].Pause(c.ctx, "new", 3, "never there"), eventstore.ErrCheckpointMoved, "pause a new consumer at 3")
	c.is("new", 0)
}

// pauseRacesMove lets one of them win: who moved is not paused, and who is paused has not moved.
func pauseRacesMove(c *checkpointTrial) {
	const racers = 6
	for round := range 10 {
		consumer := counted("consumer", round)
		var moved, paused atomic.Int64
		c.race(racers, func(i int) error {
			handle := c.handles[i/2%len(c.handles)]
			if i%2 == 0 {
				err := handle.Pause(c.ctx, consumer, 0, "raced")
				if err == nil {
					paused.Add(1)
				}
				return unless(err, eventstore.ErrCheckpointMoved)
			}
			err := handle.move(c.ctx, eventstore.Move{Consumer: consumer, To: 1})
			if err == nil {
				moved.Add(1)
			}
			return unless(unless(err, eventstore.ErrPaused), eventstore.ErrCheckpointMoved)
		})
		got := c.get(c.handles[0], consumer)
		switch {
		case moved.Load() == 1 && paused.Load() == 0 && got.Position == 1 && !got.Paused:
		case moved.Load() == 0 && paused.Load() > 0 && got.Position == 0 && got.Paused:
		default:
			c.Fatalf("%d moves and %d pauses of the same position succeeded, the checkpoint is %+v",
				moved.Load(), paused.Load(), got)
		}
	}
}

func resumedGoesOn(c *checkpointTrial) {
	c.moves("sales", 0, 7)
	for i := range 3 {
		at := eventstore.Position(7 + i)
		c.pauses("sales", at, "again")
		handle := c.handles[i%len(c.handles)]
		c.ok(handle.Resume(c.ctx, "sales"), "resume")
		c.is("sales", at)
		c.moves("sales", at, at+1)
	}
}

func resumeDoesNothing(c *checkpointTrial) {
	c.ok(c.handles[0].Resume(c.ctx, "unknown"), "resume an unknown consumer")
	c.is("unknown", 0)
	c.moves("sales", 0, 7)
	before := c.get(c.handles[0], "sales")
	c.ok(c.handles[0].Resume(c.ctx, "sales"), "resume who is not paused")
	equal(c, "checkpoint", c.get(c.handles[0], "sales"), before)
}

// anyReason pauses with texts that errors may have, as they quote what was stored. A reason that is not UTF-8 without
// NUL may be stored as one that is.
func anyReason(c *checkpointTrial) {
	for i, reason := range []string{
		"", "plain", "two\nlines\t'quoted' \"twice\" \\", "ünï 😀", strings.Repeat("long ", 20_000), "NUL \x00", "not UTF-8 \xff",
	} {
		consumer := counted("consumer", i)
		c.pauses(consumer, 0, reason)
		got := c.get(c.handles[0], consumer)
		equal(c, fmt.Sprintf("paused with reason %.20q", reason), got.Paused, true)
		if i < 5 {
			equal(c, "reason", got.Reason, reason)
		}
	}
}

func endedContextEndsCheckpoints(c *checkpointTrial) {
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	for _, handle := range c.handles {
		_, err := handle.Checkpoint(ctx, "sales")
		c.fails(err, context.Canceled, "Checkpoint")
		c.fails(handle.Pause(ctx, "sales", 0, ""), context.Canceled, "Pause")
		c.fails(handle.Resume(ctx, "sales"), context.Canceled, "Resume")
		c.fails(handle.move(ctx, eventstore.Move{Consumer: "sales", To: 1}), context.Canceled, "a move")
	}
	c.is("sales", 0)
}
