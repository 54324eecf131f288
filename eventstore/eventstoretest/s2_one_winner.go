package eventstoretest

import (
	"fmt"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

// oneWinnerClauses hold: of racing appends that expect the same version exactly one succeeds, the others get a
// *ConflictError; checks of streams that an append does not write hold at its commit too.
func oneWinnerClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "every expectation of every version", check: everyExpectation},
		{name: "a check-only append has a zero result", check: checkOnlyIsZero},
		{name: "the conflict names the stream that conflicts", check: conflictNamesTheStream},
		{name: "a negative version is refused", check: negativeVersionIsRefused},
		{name: "one of many racing appends wins", check: oneOfManyWins},
		{name: "one of many racing appends to several streams wins", check: oneOfManyOverlappingWins},
		{name: "any version never conflicts", check: anyVersionNeverConflicts},
		{name: "no write skew between two", check: noWriteSkew},
		{name: "no write skew round a ring", check: noWriteSkewRing},
		{name: "random appends with checks are serializable", check: randomAppendsAreSerializable},
		{name: "a held winner", check: heldWinner, needs: []feature{needsHold}},
		{name: "a held append that rolls back is no winner", check: heldLoser, needs: []feature{needsHold}},
		{name: "any version follows a held append", check: anyVersionFollowsHeld, needs: []feature{needsHold}},
		{name: "no write skew between held appends", check: noHeldWriteSkew, needs: []feature{needsHold}},
		{name: "a held check against an append", check: heldCheck, needs: []feature{needsHold}},
		{name: "a check against a held append", check: checkAgainstHeld, needs: []feature{needsHold}},
	}
}

func everyExpectation(c *trial) {
	expectations := []eventstore.ExpectedVersion{
		eventstore.NoStream, eventstore.StreamExists, eventstore.AnyVersion,
		eventstore.Exactly(0), eventstore.Exactly(1), eventstore.Exactly(2), eventstore.Exactly(3), eventstore.Exactly(4),
	}
	for _, version := range []eventstore.Version{0, 1, 3} {
		for i, expected := range expectations {
			key := fmt.Sprintf("%d-%d", version, i)
			if version > 0 {
				c.append(write(key, eventstore.NoStream, events(int(version))...))
			}
			c.meetsOrConflicts(check(key, expected), version)
			c.checkHoldsOrConflicts(check(key, expected), version)
			c.meetsOrConflicts(write(key, expected, events(2)...), version)
		}
	}
}

// meetsOrConflicts appends a write to a stream at a version: it succeeds if, and only if, its expectation allows that.
func (c *trial) meetsOrConflicts(write eventstore.Write, actual eventstore.Version) {
	c.Helper()
	result, err := c.Store.Append(c.ctx, write)
	want := actual
	if !write.Expected.Allows(actual) {
		c.conflicts(err, write, actual)
	} else {
		c.ok(err, "append that expects %s to a stream at version %d", write.Expected, actual)
		want += eventstore.Version(len(write.Events))
		equal(c, "version of the result", result.Writes[0].Version, want*min(1, eventstore.Version(len(write.Events))))
	}
	equal(c, "version of the stream", eventstore.Version(len(c.stream(c.Store, write.Stream.Key))), want)
}

// checkHoldsOrConflicts makes a check part of an append to another stream.
func (c *trial) checkHoldsOrConflicts(check eventstore.Write, actual eventstore.Version) {
	c.Helper()
	other := begins("beside-" + check.Stream.Key)
	_, err := c.Store.Append(c.ctx, other, check)
	written := 1
	if !check.Expected.Allows(actual) {
		c.conflicts(err, check, actual)
		written = 0
	} else {
		c.ok(err, "append with a check that expects %s of a stream at version %d", check.Expected, actual)
	}
	equal(c, "events beside the check", len(c.stream(c.Store, other.Stream.Key)), written)
}

func checkOnlyIsZero(c *trial) {
	c.append(begins("a"))
	equal(c, "result of checks only", c.append(check("a", eventstore.Exactly(1)), check("b", eventstore.NoStream)),
		eventstore.AppendResult{Writes: make([]eventstore.WriteResult, 2)})
	result := c.append(check("a", eventstore.StreamExists), begins("c"), check("b", eventstore.AnyVersion))
	equal(c, "result of the check before", result.Writes[0], eventstore.WriteResult{})
	equal(c, "result of the check after", result.Writes[2], eventstore.WriteResult{})
	equal(c, "version of the write between", result.Writes[1].Version, 1)
	equal(c, "position of the append", result.Position, result.Writes[1].Position)
}

func conflictNamesTheStream(c *trial) {
	c.append(write("a", eventstore.NoStream, events(2)...), begins("b"))
	bad := write("b", eventstore.Exactly(7), events(1)...)
	_, err := c.Store.Append(c.ctx, write("a", eventstore.Exactly(2), events(1)...), bad, begins("c"))
	c.conflicts(err, bad, 1)
	c.stream(c.Store, "a")
	equal(c, "events", len(c.all(c.Store)), 3)
}

func negativeVersionIsRefused(c *trial) {
	c.append(begins("a"))
	c.refuses(eventstore.ErrInvalid, write("a", eventstore.Exactly(-1), events(1)...))
	c.refuses(eventstore.ErrInvalid, write("a", eventstore.Exactly(-2), events(1)...))
	c.shows(c.Store, "a")
}

func oneOfManyWins(c *trial) {
	const racers = 8
	handles := c.handles()
	rounds := max(c.size/racers/2, 1)
	for round := range rounds {
		var won atomic.Int64
		c.race(racers, func(i int) error {
			_, err := handles[i%len(handles)].Append(c.ctx,
				write("contested", eventstore.Exactly(eventstore.Version(round)), event(counted("racer", i))))
			return countWinner(err, &won)
		})
		equal(c, fmt.Sprintf("winners of round %d", round), won.Load(), 1)
	}
	equal(c, "events", len(c.stream(c.Store, "contested")), rounds)
}

// countWinner returns an error unless err is nil or a conflict.
func countWinner(err error, won *atomic.Int64) error {
	switch {
	case err == nil:
		won.Add(1)
	case !isTrueConflict(err):
		return fmt.Errorf("the loser's error must be a *ConflictError that knows the version: %w", err)
	}
	return nil
}

// oneOfManyOverlappingWins lets every two racers have one stream in common, in different places.
func oneOfManyOverlappingWins(c *trial) {
	const racers = 6
	rounds := max(c.size/racers/4, 1)
	for round := range rounds {
		var won atomic.Int64
		c.race(racers, func(i int) error {
			common := begins(counted("common", round))
			own := begins(counted("own", round, i))
			writes := []eventstore.Write{common, own}
			if i%2 == 0 {
				writes = []eventstore.Write{own, common}
			}
			_, err := c.Store.Append(c.ctx, writes...)
			return countWinner(err, &won)
		})
		equal(c, fmt.Sprintf("winners of round %d", round), won.Load(), 1)
	}
	equal(c, "events", len(c.all(c.Store)), 2*rounds)
}

func anyVersionNeverConflicts(c *trial) {
	const racers = 8
	handles := c.handles()
	perRacer := max(c.size/racers, 1)
	c.race(racers, func(i int) error {
		for range perRacer {
			_, err := handles[i%len(handles)].Append(c.ctx, write("shared", eventstore.AnyVersion, events(1)...))
			if err != nil {
				return err
			}
		}
		return nil
	})
	equal(c, "events", len(c.stream(c.Store, "shared")), racers*perRacer)
}

func noWriteSkew(c *trial) { c.skewRing(2, 1) }

// noWriteSkewRing has three appends of which each breaks the next one's check: whatever the order, two succeed.
func noWriteSkewRing(c *trial) { c.skewRing(3, 2) }

// skewRing races appends of which the i-th checks stream i and writes stream i+1.
func (c *trial) skewRing(size int, winners int64) {
	handles := c.handles()
	for round := range max(c.size/size/4, 1) {
		key := func(i int) string { return counted("ring", round, i%size) }
		for i := range size {
			c.append(begins(key(i)))
		}
		var won atomic.Int64
		c.race(size, func(i int) error {
			_, err := handles[i%len(handles)].Append(c.ctx,
				check(key(i), eventstore.Exactly(1)), write(key(i+1), eventstore.AnyVersion, events(1)...))
			return countWinner(err, &won)
		})
		equal(c, fmt.Sprintf("winners of round %d", round), won.Load(), winners)
	}
}
