package eventstoretest

import "github.com/pasttense/pasttense/eventstore"

// Clauses of S2 in which one of the racers is held just before its commit, so that the order of commits is known.

func heldWinner(c *trial) {
	held := c.hold(begins("contested"))
	second := begins("contested")
	loser := begin(c.run, "an append behind a held one", func() error {
		_, err := c.Store.Append(c.ctx, second)
		return err
	})
	if loser.isDone() && loser.wait() == nil {
		c.Fatalf("an append was acknowledged that expects what a held append has taken")
	}
	c.commit(held)
	c.conflicts(loser.wait(), second, 1)
	equal(c, "events", len(c.stream(c.Store, "contested")), 1)
}

func heldLoser(c *trial) {
	held := c.hold(begins("contested"))
	winner := begin(c.run, "an append behind a held one", func() error {
		_, err := c.Store.Append(c.ctx, begins("contested"))
		return err
	})
	c.quiet()
	c.rollback(held)
	c.ok(winner.wait(), "append behind a held one that is rolled back")
	equal(c, "events", len(c.stream(c.Store, "contested")), 1)
}

func anyVersionFollowsHeld(c *trial) {
	for _, end := range []struct {
		key  string
		of   func(held Held)
		want eventstore.Version
	}{
		{"committed", c.commit, 2},
		{"rolled-back", c.rollback, 1},
	} {
		held := c.hold(begins(end.key))
		version := eventstore.Version(0)
		follower := begin(c.run, "an append of any version behind a held one", func() error {
			result, err := c.Store.Append(c.ctx, write(end.key, eventstore.AnyVersion, events(1)...))
			if err == nil {
				version = result.Writes[0].Version
			}
			return err
		})
		c.quiet()
		end.of(held)
		c.ok(follower.wait(), "append of any version behind a held one")
		equal(c, "version behind a held append that is "+end.key, version, end.want)
		c.stream(c.Store, end.key)
	}
}

// mustNotCommit ends the clause when a held append can be committed.
func (c *trial) mustNotCommit(h holding, why string) {
	c.Helper()
	if h.err != nil {
		c.conflict(h.err)
		return
	}
	if err := h.held.Commit(c.ctx); err == nil {
		c.Fatalf("both appends were committed, although %s", why)
	}
}

func noHeldWriteSkew(c *trial) {
	c.append(begins("a"), begins("b"))
	first := c.hold(check("a", eventstore.Exactly(1)), write("b", eventstore.AnyVersion, events(1)...))
	second := c.beginHold(check("b", eventstore.Exactly(1)), write("a", eventstore.AnyVersion, events(1)...))
	c.quiet()
	c.commit(first)
	c.mustNotCommit(second.wait(), "each breaks the other's check")
	equal(c, "events of the stream that the loser writes", len(c.stream(c.Store, "a")), 1)
}

// heldCheck appends to a stream that a held append has checked: if it is committed first, the check must fail.
func heldCheck(c *trial) {
	c.append(begins("a"))
	held := c.hold(check("a", eventstore.Exactly(1)), begins("b"))
	plain := begin(c.run, "an append to a stream that a held append checks", func() error {
		_, err := c.Store.Append(c.ctx, write("a", eventstore.Exactly(1), events(1)...))
		return err
	})
	first := plain.isDone()
	err := held.Commit(c.ctx)
	if first && plain.wait() == nil && err == nil {
		c.Fatalf("a held append was committed although what it checks had changed before")
	}
	c.ok(plain.wait(), "append to a stream that another append checks")
	equal(c, "events of the checked stream", len(c.stream(c.Store, "a")), 2)
	written := 1
	if err != nil {
		written = 0
	}
	equal(c, "events of the append with the check", len(c.stream(c.Store, "b")), written)
}

func checkAgainstHeld(c *trial) {
	c.append(begins("a"))
	plain := c.hold(write("a", eventstore.Exactly(1), events(1)...))
	checking := c.beginHold(check("a", eventstore.Exactly(1)), begins("b"))
	c.quiet()
	c.commit(plain)
	c.mustNotCommit(checking.wait(), "the first had changed what the second checks")
	equal(c, "events of the append with the check", len(c.stream(c.Store, "b")), 0)
}
