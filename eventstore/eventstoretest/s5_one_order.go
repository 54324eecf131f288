package eventstoretest

import (
	"fmt"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

// oneOrderClauses hold: within a stream positions grow with versions, and an append that begins after another was
// acknowledged gets the higher positions.
func oneOrderClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "positions follow the order of the arguments", check: positionsFollowArguments},
		{name: "positions follow the order of the arguments while appends race", check: positionsFollowArgumentsRacing},
		{name: "appends in turn get higher positions", check: appendsInTurn},
		{name: "racing appends after an acknowledgement get higher positions", check: racingAfterAcknowledgement},
		{name: "an append gets higher positions than what is held", check: higherThanHeld, needs: []feature{needsHold}},
		{name: "a checkpoint begins with the next event", check: afterIsExclusive},
	}
}

func positionsFollowArguments(c *trial) {
	c.append(write("m", eventstore.NoStream, events(2)...), write("z", eventstore.NoStream, events(1)...))
	c.append(
		write("z", eventstore.Exactly(1), events(3)...),
		check("nobody", eventstore.NoStream),
		write("a", eventstore.NoStream, events(2)...),
		write("m", eventstore.Exactly(2), events(1)...),
		write("B", eventstore.NoStream, events(2)...),
	)
	for _, store := range c.handles() {
		c.shows(store, "m", "m", "z", "z", "z", "z", "a", "a", "m", "B", "B")
		for _, key := range []string{"m", "z", "a", "B"} {
			c.stream(store, key)
		}
	}
}

// positionsFollowArgumentsRacing lets a store that puts appends together still tell them apart.
func positionsFollowArgumentsRacing(c *trial) {
	const racers = 8
	handles := c.handles()
	c.race(racers, func(i int) error {
		random := c.newRandom(i + 1)
		for n := range max(c.size/racers/2, 1) {
			var writes []eventstore.Write
			for _, k := range random.Perm(4) {
				writes = append(writes, begins(counted("w", i, n, k)))
			}
			result, err := handles[i%len(handles)].Append(c.ctx, writes...)
			if err != nil {
				return err
			}
			if err := growing(result); err != nil {
				return err
			}
		}
		return nil
	})
}

func growing(result eventstore.AppendResult) error {
	last := eventstore.Position(0)
	for i, w := range result.Writes {
		if w.Position <= last {
			return fmt.Errorf("write %d is at position %d, not above %d of the write before it", i, w.Position, last)
		}
		last = w.Position
	}
	if result.Position != last {
		return fmt.Errorf("the position of the append is %d, that of its last event %d", result.Position, last)
	}
	return nil
}

func appendsInTurn(c *trial) {
	handles := c.handles()
	last := eventstore.Position(0)
	for i := range 50 {
		result := c.appendTo(handles[i%len(handles)], begins(counted("a", i)))
		if result.Position <= last {
			c.Fatalf("append %d is at position %d, not above %d of the one acknowledged before", i, result.Position, last)
		}
		last = result.Position
		equal(c, "head", c.head(handles[(i+1)%len(handles)]), last)
	}
}

// racingAfterAcknowledgement keeps the highest position that anybody was told, which every later append must exceed.
func racingAfterAcknowledgement(c *trial) {
	const racers = 8
	handles := c.handles()
	var highest atomic.Int64
	c.race(racers, func(i int) error {
		random := c.newRandom(i + 1)
		for n := range max(c.size/racers, 1) {
			before := highest.Load()
			result, err := handles[i%len(handles)].Append(c.ctx, c.sharedWrite(random, counted("racer", i, n)))
			if err != nil {
				return err
			}
			position := int64(result.Position)
			if position <= before {
				return fmt.Errorf("an append that began after position %d was acknowledged is at %d", before, position)
			}
			raise(&highest, position)
		}
		return nil
	})
}

// raise makes highest at least value.
func raise(highest *atomic.Int64, value int64) {
	for {
		old := highest.Load()
		if value <= old || highest.CompareAndSwap(old, value) {
			return
		}
	}
}

func higherThanHeld(c *trial) {
	held := c.hold(begins("held"))
	behind := c.append(begins("behind"))
	c.commit(held)
	position := c.stream(c.Store, "held")[0].Position
	if position >= behind.Position {
		c.Fatalf("a held append is at position %d, one that began later at %d", position, behind.Position)
	}
	after := c.append(begins("after"))
	if after.Position <= behind.Position {
		c.Fatalf("an append is at position %d, one acknowledged before at %d", after.Position, behind.Position)
	}
	c.shows(c.Store, "held", "behind", "after")
}

func afterIsExclusive(c *trial) {
	c.append(begins("a"), begins("b"), begins("c"))
	all := c.all(c.Store)
	for i, event := range all {
		rest, err := readAll(c.ctx, c.Store, event.Position, everything)
		c.ok(err, "read all")
		if difference := sameEvents(rest, all[i+1:]); difference != "" {
			c.Fatalf("ReadAll after %d %s", event.Position, difference)
		}
		first := c.follow(c.Store, event.Position, everything, habits{}).starts()
		if difference := sameEvents(first.Events, all[i+1:]); difference != "" {
			c.Fatalf("a subscription after %d %s", event.Position, difference)
		}
	}
}
