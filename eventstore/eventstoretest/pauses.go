package eventstoretest

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

// pauseClauses hold what Pause and Resume do.
func pauseClauses() []clause[*consumerTrial] {
	return []clause[*consumerTrial]{
		{name: "a paused partition does not move", check: pausedDoesNotMove},
		{name: "a pause at a moved position is refused", check: pauseAtMoved},
		{name: "a pause in an older epoch is refused", check: pauseInOlderEpoch},
		{name: "a pause races a move", check: pauseRacesMove},
		{name: "a resumed consumer goes on", check: resumedGoesOn},
		{name: "all paused partitions are resumed", check: allAreResumed},
		{name: "resuming who is not paused does nothing", check: resumeDoesNothing},
		{name: "a reason of any bytes", check: anyReason},
	}
}

func pausedDoesNotMove(c *consumerTrial) {
	for id, position := range map[eventstore.ConsumerID]eventstore.Position{first("moved"): 7, first("new"): 0} {
		c.define(id, 1)
		c.moves(id, position)
		before := c.at(id, 0)
		c.pauses(before, "cannot handle it")
		c.refuses(eventstore.ErrPaused, leaving(c.at(id, 0), position+1))
		c.fails(c.handles[0].Pause(c.ctx, before, "too late"), eventstore.ErrCheckpointMoved, "pause as another did before")
		for _, handle := range c.handles {
			got := c.all(handle, id)[0]
			equal(c, "paused", got.Paused, true)
			equal(c, "reason", got.Reason, "cannot handle it")
			equal(c, "position", got.Position, position)
		}
	}
}

func pauseAtMoved(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.goes(c.at(sales, 1), 7)
	before := c.all(c.handles[0], sales)
	for _, position := range []eventstore.Position{0, 6, 8} {
		at := before[1]
		at.Position = position
		for _, handle := range c.handles {
			err := handle.Pause(c.ctx, at, "too late")
			c.fails(err, eventstore.ErrCheckpointMoved, "pause at %d who is at 7", position)
		}
	}
	there := before[1]
	there.Partition = 2
	c.fails(c.handles[0].Pause(c.ctx, there, ""), eventstore.ErrCheckpointMoved, "pause a partition that is not there")
	equal(c, "checkpoints", c.all(c.handles[0], sales), before)
}

func pauseInOlderEpoch(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 1)
	old := c.at(sales, 0)
	c.coordinates(c.handles[0], sales, joins("a", long, 0))
	for _, handle := range c.handles {
		c.fails(handle.Pause(c.ctx, old, "too late"), eventstore.ErrCheckpointMoved, "pause in an older epoch")
	}
	c.is(sales, 0)
	c.pauses(c.at(sales, 0), "in time")
	equal(c, "reason", c.at(sales, 0).Reason, "in time")
}

// pauseRacesMove lets one of them win: who moved is not paused, and who is paused has not moved.
func pauseRacesMove(c *consumerTrial) {
	const racers = 6
	for round := range 10 {
		id := first(counted("consumer", round))
		c.define(id, 1)
		at := c.at(id, 0)
		var moved, paused atomic.Int64
		c.race(racers, func(i int) error {
			handle := c.another(i / 2)
			if i%2 == 0 {
				err := handle.Pause(c.ctx, at, "raced")
				if err == nil {
					paused.Add(1)
				}
				return unless(err, eventstore.ErrCheckpointMoved)
			}
			err := handle.move(c.ctx, leaving(at, 1))
			if err == nil {
				moved.Add(1)
			}
			return unless(err, eventstore.ErrPaused, eventstore.ErrCheckpointMoved)
		})
		got := c.at(id, 0)
		switch {
		case moved.Load() == 1 && paused.Load() == 0 && got.Position == 1 && !got.Paused:
		case moved.Load() == 0 && paused.Load() == 1 && got.Position == 0 && got.Paused:
		default:
			c.Fatalf("%d moves and %d pauses of the same position succeeded, the checkpoint is %+v",
				moved.Load(), paused.Load(), got)
		}
	}
}

func resumedGoesOn(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.moves(sales, 7)
	for i := range 3 {
		position := eventstore.Position(7 + i)
		c.pauses(c.at(sales, 0), "again")
		c.ok(c.another(i).Resume(c.ctx, sales), "resume")
		c.is(sales, position)
		c.moves(sales, position+1)
	}
}

func allAreResumed(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 4)
	for i, partition := range []int{3, 1} {
		c.pauses(c.at(sales, partition), counted("reason", i))
	}
	before := c.all(c.handles[0], sales)
	c.ok(c.another(1).Resume(c.ctx, live("sales")), "resume")
	c.is(sales, 0)
	for i, at := range c.all(c.handles[0], sales) {
		if i%2 == 0 {
			equal(c, "checkpoint that was not paused", at, before[i])
		} else if at.Epoch <= before[i].Epoch {
			c.Fatalf("partition %d was resumed in epoch %d and is in epoch %d", i, before[i].Epoch, at.Epoch)
		}
	}
	c.moves(sales, 1)
}

func resumeDoesNothing(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.moves(sales, 7)
	before := c.all(c.handles[0], sales)
	c.ok(c.handles[0].Resume(c.ctx, sales), "resume who is not paused")
	equal(c, "checkpoints", c.all(c.handles[0], sales), before)
}

// oddReasons are texts that errors may have, as they quote what was stored. The last two cannot be stored everywhere.
func oddReasons() []string {
	return []string{
		"", "plain", "two\nlines\t'quoted' \"twice\" \\", "ünï 😀", strings.Repeat("long ", 20_000), "NUL \x00", "not UTF-8 \xff",
	}
}

// sameReason ends the clause when a reason did not come back. One that is not UTF-8 without NUL may be stored as one
// that is.
func (r *run) sameReason(got, want string) {
	r.Helper()
	for _, odd := range []string{"NUL ", "not UTF-8 "} {
		if strings.HasPrefix(want, odd) {
			got, want = got[:min(len(got), len(odd))], odd
		}
	}
	equal(r, fmt.Sprintf("reason %.20q", want), got, want)
}

func anyReason(c *consumerTrial) {
	for i, reason := range oddReasons() {
		id := first(counted("consumer", i))
		c.define(id, 1)
		c.pauses(c.at(id, 0), reason)
		got := c.at(id, 0)
		equal(c, fmt.Sprintf("paused with reason %.20q", reason), got.Paused, true)
		c.sameReason(got.Reason, reason)
	}
}
