package eventstoretest

import (
	"context"
	"fmt"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// parkingTrial is one run of a clause of what keeps what consumers could not handle.
type parkingTrial struct {
	*consumerTrial

	parking []eventstore.Parking
	// failing makes a move whose work fails.
	failing func(ctx context.Context, move eventstore.Move) error
}

// parkingClauses hold that what is set aside is set aside with the move, and stays until it was handled or given up.
func parkingClauses() []clause[*parkingTrial] {
	return []clause[*parkingTrial]{
		{name: "sequences are parked with the move", check: parkedWithMove},
		{name: "sequences are listed by position", check: parkedByPosition},
		{name: "failed work parks nothing", check: failedWorkParksNothing},
		{name: "a refused move parks nothing", check: refusedMoveParksNothing},
		{name: "parking begins an epoch, skipping does not", check: parkingBeginsEpoch},
		{name: "a query finds what it wants", check: queriesFind},
		{name: "the latest come first", check: latestParkedFirst},
		{name: "an invalid query is refused", check: invalidQuery},
		{name: "a sequence stays parked as it is now", check: parkedAgain},
		{name: "what was handled is parked no more", check: unparked},
		{name: "consumers park for themselves", check: parkingIsApart},
		{name: "odd streams are distinct", check: oddStreamsAreParked},
		{name: "a reason of any bytes", check: anyParkedReason},
		{name: "many sequences in one move", check: manyAreParked},
		{name: "racing moves park once", check: racingMovesPark},
		{name: "skipped events are listed from the latest", check: skippedFromLatest},
		{name: "failed work skips nothing", check: failedWorkSkipsNothing},
		{name: "new partitions leave what is parked", check: repartitionKeepsParked},
		{name: "a forgotten consumer has nothing parked", check: forgottenParksNothing},
	}
}

// setAside returns a sequence to park, at a position.
func setAside(key string, position eventstore.Position) eventstore.Parked {
	return eventstore.Parked{
		Stream: stream(key), Version: 3, Position: position, Type: testType, Reason: "cannot handle " + key,
	}
}

// parks makes a move of a consumer's only partition by one, with which sequences are parked.
func (c *parkingTrial) parks(id eventstore.ConsumerID, parked ...eventstore.Parked) {
	c.Helper()
	c.alters(id, func(move *eventstore.Move) { move.Park = parked })
}

// alters makes a move of a consumer's first partition by one, with something else.
func (c *parkingTrial) alters(id eventstore.ConsumerID, with func(move *eventstore.Move)) {
	c.Helper()
	at := c.at(id, 0)
	move := leaving(at, at.Position+1)
	with(&move)
	c.ok(c.handles[0].move(c.ctx, move), "the move %+v", move)
}

// parked returns what a consumer has parked.
func (c *parkingTrial) parked(parking eventstore.Parking, id eventstore.ConsumerID) []eventstore.Parked {
	c.Helper()
	return c.wanted(parking, id, eventstore.ParkedQuery{})
}

// hasParked ends the clause unless a consumer has just these sequences parked, in this order. When is not compared.
func (c *parkingTrial) hasParked(id eventstore.ConsumerID, want ...eventstore.Parked) {
	c.Helper()
	for _, parking := range c.parking {
		all := c.parked(parking, id)
		equal(c, "number of parked sequences of "+id.String(), len(all), len(want))
		for i, got := range all {
			equal(c, "ParkedAt is zero", got.ParkedAt.IsZero(), false)
			got.ParkedAt = want[i].ParkedAt
			equal(c, fmt.Sprintf("parked sequence %d", i+1), got, want[i])
		}
	}
}

func parkedWithMove(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.hasParked(sales)
	c.hasParked(first("undefined"))
	full := eventstore.Parked{
		Stream: stream("full"), Version: 1 << 40, Position: 1 << 41, Type: "order.paid", Reason: "a reason", Attempts: 7,
		Retry: true,
	}
	c.parks(sales, full)
	c.is(sales, 1)
	c.hasParked(sales, full)
	c.hasParked(live("sales"), full)
}

func parkedByPosition(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.parks(sales, setAside("c", 30), setAside("a", 20))
	c.parks(sales, setAside("b", 10))
	c.parks(sales, setAside("d", 25))
	c.hasParked(sales, setAside("b", 10), setAside("a", 20), setAside("d", 25), setAside("c", 30))
}

func failedWorkParksNothing(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.parks(sales, setAside("parked", 1))
	before := c.all(c.handles[0], sales)
	for range 3 {
		move := leaving(before[0], 9)
		move.Park, move.Unpark = []eventstore.Parked{setAside("a", 5)}, []eventstore.StreamID{stream("parked")}
		c.fails(c.failing(c.ctx, move), errWork, "a move whose work fails")
		c.hasParked(sales, setAside("parked", 1))
		equal(c, "checkpoints", c.all(c.handles[0], sales), before)
	}
}

func refusedMoveParksNothing(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.parks(sales, setAside("parked", 1))
	refused := func(want error, change func(move *eventstore.Move)) {
		at := c.at(sales, 0)
		move := leaving(at, at.Position+8)
		move.Park, move.Unpark = []eventstore.Parked{setAside("a", 5)}, []eventstore.StreamID{stream("parked")}
		move.Skip = []eventstore.Skipped{{Stream: stream("b"), Version: 1, Position: 6, Type: testType}}
		change(&move)
		c.refuses(want, move)
		c.hasParked(sales, setAside("parked", 1))
		equal(c, "skipped", len(c.skipped(c.parking[0], sales, 10)), 0)
	}
	refused(eventstore.ErrCheckpointMoved, func(move *eventstore.Move) { move.From++ })
	refused(eventstore.ErrCheckpointMoved, func(move *eventstore.Move) { move.Epoch-- })
	refused(eventstore.ErrInvalid, func(move *eventstore.Move) { move.To = 0 })
	c.pauses(c.at(sales, 0), "a reason")
	refused(eventstore.ErrPaused, func(*eventstore.Move) {})
}

func parkingBeginsEpoch(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 2)
	for _, begin := range []struct {
		what   string
		begins bool
		with   func(move *eventstore.Move)
	}{
		{"nothing", false, func(*eventstore.Move) {}},
		{"park", true, func(move *eventstore.Move) { move.Park = []eventstore.Parked{setAside("a", 5)} }},
		{"park again", true, func(move *eventstore.Move) { move.Park = []eventstore.Parked{setAside("a", 6)} }},
		{"skip", false, func(move *eventstore.Move) { move.Skip = []eventstore.Skipped{passedOver("b", 7)} }},
		{"unpark", true, func(move *eventstore.Move) { move.Unpark = []eventstore.StreamID{stream("a")} }},
		{"stay and park", true, func(move *eventstore.Move) {
			move.To = move.From
			move.Park = []eventstore.Parked{setAside("a", 5)}
		}},
	} {
		before := c.all(c.handles[0], sales)
		c.alters(sales, begin.with)
		equal(c, begin.what+" begins an epoch", c.at(sales, 0).Epoch > before[0].Epoch, begin.begins)
		equal(c, "checkpoint of another partition", c.at(sales, 1), before[1])
	}
}

// parkedAgain parks a sequence that is parked: it stays set aside since when it was, and all else is as given.
func parkedAgain(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.parks(sales, setAside("a", 10), setAside("b", 20))
	since := c.parked(c.parking[0], sales)[0].ParkedAt
	c.ok(c.parking[0].Retry(c.ctx, sales, stream("a")), "retry")
	c.pass(moment / 10)
	for i, position := range []eventstore.Position{10, 15, 30} {
		again := c.parked(c.parking[0], sales)
		at := slices.IndexFunc(again, func(p eventstore.Parked) bool { return p.Stream == stream("a") })
		now := again[at]
		now.Position, now.Version, now.Type = position, eventstore.Version(position), counted("type", i)
		now.Attempts, now.Reason, now.Retry = i+1, counted("reason", i), i == 2
		c.parks(sales, now)
		want := []eventstore.Parked{now, setAside("b", 20)}
		if position > 20 {
			slices.Reverse(want)
		}
		c.hasParked(sales, want...)
		for _, got := range c.parked(c.parking[0], sales) {
			if got.Stream == stream("a") {
				equal(c, "ParkedAt", got.ParkedAt, since)
			}
		}
	}
}

func unparked(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.parks(sales, setAside("a", 1), setAside("b", 2), setAside("c", 3), setAside("d", 4))
	c.alters(sales, func(move *eventstore.Move) {
		move.Unpark = []eventstore.StreamID{stream("a"), stream("c")}
		move.Park = []eventstore.Parked{setAside("e", 5)}
	})
	c.hasParked(sales, setAside("b", 2), setAside("d", 4), setAside("e", 5))
	c.parks(sales, setAside("a", 1))
	c.hasParked(sales, setAside("a", 1), setAside("b", 2), setAside("d", 4), setAside("e", 5))
}

func parkingIsApart(c *parkingTrial) {
	ids := []eventstore.ConsumerID{first("sales"), {Name: "sales", Version: 2}, first("Sales"), first("stock")}
	for i, id := range ids {
		c.define(id, 1)
		c.parks(id, setAside("same", eventstore.Position(i+1)), setAside(counted("own", i), 10))
	}
	c.ok(c.parking[0].Discard(c.ctx, live("sales"), stream("same")), "discard")
	c.hasParked(ids[0], setAside("own-0", 10))
	for i, id := range ids[1:] {
		c.hasParked(id, setAside("same", eventstore.Position(i+2)), setAside(counted("own", i+1), 10))
	}
}

func oddStreamsAreParked(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	var odd []eventstore.Parked
	for i, name := range oddNames() {
		for j, id := range []eventstore.StreamID{{Category: name, Key: "a"}, {Category: "odd", Key: name}} {
			odd = append(odd, eventstore.Parked{Stream: id, Version: 1, Position: eventstore.Position(2*i + j + 1), Type: name})
		}
	}
	c.parks(sales, odd...)
	c.hasParked(sales, odd...)
	c.alters(sales, func(move *eventstore.Move) {
		for _, sequence := range odd[1:] {
			move.Unpark = append(move.Unpark, sequence.Stream)
		}
	})
	c.hasParked(sales, odd[0])
}

func anyParkedReason(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	for i, reason := range oddReasons() {
		odd := setAside(counted("stream", i), eventstore.Position(i+1))
		odd.Reason = reason
		skip := eventstore.Skipped{Stream: odd.Stream, Version: 3, Position: odd.Position, Type: testType, Reason: reason}
		c.alters(sales, func(move *eventstore.Move) {
			move.Park, move.Skip = []eventstore.Parked{odd}, []eventstore.Skipped{skip}
		})
		c.sameReason(c.parked(c.parking[0], sales)[i].Reason, reason)
		c.sameReason(c.skipped(c.parking[0], sales, 1)[0].Reason, reason)
	}
}

func manyAreParked(c *parkingTrial) {
	const many = 1000
	sales := first("sales")
	c.define(sales, 1)
	var parked []eventstore.Parked
	var streams []eventstore.StreamID
	for i := range many {
		parked = append(parked, setAside(counted("stream", i), eventstore.Position(i+1)))
		streams = append(streams, parked[i].Stream)
	}
	c.parks(sales, parked...)
	c.hasParked(sales, parked...)
	c.alters(sales, func(move *eventstore.Move) { move.Unpark = streams })
	c.hasParked(sales)
}

// racingMovesPark lets one of several that make the same move park what it could not handle.
func racingMovesPark(c *parkingTrial) {
	const racers = 6
	sales := first("sales")
	c.define(sales, 1)
	for round := range 10 {
		move := leaving(c.at(sales, 0), eventstore.Position(round+1))
		c.race(racers, func(i int) error {
			move := move
			move.Park = []eventstore.Parked{setAside(counted("of", round, i), move.To)}
			return unless(c.another(i).move(c.ctx, move), eventstore.ErrCheckpointMoved)
		})
		equal(c, "parked sequences", len(c.parked(c.parking[0], sales)), round+1)
	}
}

// passedOver returns an event to skip.
func passedOver(key string, position eventstore.Position) eventstore.Skipped {
	return eventstore.Skipped{
		Stream: stream(key), Version: 2, Position: position, Type: testType, Reason: "cannot handle " + key,
	}
}

func (c *parkingTrial) skipped(
	parking eventstore.Parking, id eventstore.ConsumerID, limit int,
) []eventstore.Skipped {
	c.Helper()
	all, err := parking.Skipped(c.ctx, id, limit)
	c.ok(err, "list what %q has skipped", id)
	return all
}

func skippedFromLatest(c *parkingTrial) {
	sales, other := first("sales"), eventstore.ConsumerID{Name: "sales", Version: 2}
	c.define(sales, 1)
	c.define(other, 1)
	skip := func(id eventstore.ConsumerID, skipped ...eventstore.Skipped) {
		c.alters(id, func(move *eventstore.Move) { move.Skip = skipped })
		c.pass(moment / 10)
	}
	skip(sales, passedOver("a", 10), passedOver("b", 11))
	skip(other, passedOver("z", 12))
	skip(sales, passedOver("a", 13))
	skip(sales, passedOver("c", 14))
	want := []eventstore.Skipped{passedOver("c", 14), passedOver("a", 13), passedOver("b", 11), passedOver("a", 10)}
	for _, parking := range c.parking {
		for i, limit := range []int{1, 2, 4, 100} {
			got := c.skipped(parking, []eventstore.ConsumerID{sales, live("sales")}[i%2], limit)
			for j := range got {
				equal(c, "SkippedAt is zero", got[j].SkippedAt.IsZero(), false)
				got[j].SkippedAt = want[0].SkippedAt
			}
			equal(c, fmt.Sprintf("skipped, up to %d", limit), got, want[:min(limit, len(want))])
		}
		equal(c, "skipped by another", len(c.skipped(parking, other, 10)), 1)
		equal(c, "skipped by who is not defined", len(c.skipped(parking, first("undefined"), 10)), 0)
	}
}

func failedWorkSkipsNothing(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	move := leaving(c.at(sales, 0), 9)
	move.Skip = []eventstore.Skipped{passedOver("a", 5)}
	c.fails(c.failing(c.ctx, move), errWork, "a move whose work fails")
	equal(c, "skipped", len(c.skipped(c.parking[0], sales, 10)), 0)
}

func repartitionKeepsParked(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.parks(sales, setAside("a", 1), setAside("b", 2), setAside("c", 3))
	c.ok(c.handles[0].Repartition(c.ctx, sales, 5), "repartition")
	c.hasParked(sales, setAside("a", 1), setAside("b", 2), setAside("c", 3))
	for _, key := range []string{"a", "b", "c"} {
		c.ok(c.parking[0].Discard(c.ctx, sales, stream(key)), "discard")
	}
	c.hasParked(sales)
}

func forgottenParksNothing(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.alters(sales, func(move *eventstore.Move) {
		move.Park, move.Skip = []eventstore.Parked{setAside("a", 1)}, []eventstore.Skipped{passedOver("b", 2)}
	})
	c.ok(c.handles[0].Forget(c.ctx, sales), "forget")
	for range 2 {
		c.hasParked(sales)
		equal(c, "skipped", len(c.skipped(c.parking[0], sales, 10)), 0)
		c.define(sales, 1)
		c.fails(c.parking[0].Retry(c.ctx, sales, stream("a")), eventstore.ErrNotParked, "retry")
	}
}
