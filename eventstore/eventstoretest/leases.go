package eventstoretest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// leaseClauses hold what Coordinate keeps, and what follows when a lease runs out.
func leaseClauses() []clause[*consumerTrial] {
	return []clause[*consumerTrial]{
		{name: "a roster shows members and partitions", check: rosterShows},
		{name: "what change does is kept", check: changeIsKept},
		{name: "a renewal keeps the epochs", check: renewalKeepsEpochs},
		{name: "racing members lose nothing", check: racingMembers},
		{name: "nobody changes a roster that is being changed", check: changesTakeTurns},
		{name: "a lease that runs out leaves no owner", check: leaseRunsOut},
		{name: "who is no member owns nothing", check: noMemberOwnsNothing},
		{name: "rosters do not concern each other", check: rostersAreApart},
	}
}

func rosterShows(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 3)
	c.moves(sales, 7)
	for _, handle := range c.handles {
		times := 0
		var is eventstore.Roster
		c.coordinates(handle, sales, func(roster *eventstore.Roster) { times++; is = *roster })
		equal(c, "calls of change", times, 1)
		equal(c, "members", len(is.Members), 0)
		equal(c, "partitions", is.Partitions, c.all(handle, sales))
		equal(c, "the time is zero", is.Now.IsZero(), false)
	}
	earlier := c.roster(sales).Now
	c.pass(moment)
	if later := c.roster(sales).Now; later.Before(earlier.Add(moment / 2)) {
		c.Fatalf("the roster's time went from %v to %v while %v passed", earlier, later, moment)
	}
}

func changeIsKept(c *consumerTrial) {
	const odd = `b's "ä"`
	sales := first("sales")
	c.define(sales, 4)
	var end time.Time
	c.coordinates(c.handles[0], sales, joins("a", long, 0, 1))
	c.coordinates(c.another(1), sales, func(roster *eventstore.Roster) {
		joins(odd, 2*long, 2)(roster)
		end = roster.Members[odd]
	})
	for _, handle := range c.handles {
		var is eventstore.Roster
		c.coordinates(handle, sales, func(roster *eventstore.Roster) { is = *roster })
		equal(c, "members", len(is.Members), 2)
		equal(c, "the end of a lease is as it was given", is.Members[odd].Equal(end), true)
		equal(c, "owners of the roster", ownersOf(is.Partitions), []string{"a", "a", odd, ""})
		equal(c, "owners", ownersOf(c.all(handle, sales)), []string{"a", "a", odd, ""})
	}
	c.coordinates(c.another(1), sales, func(roster *eventstore.Roster) {
		delete(roster.Members, "a")
		roster.Partitions[0].Owner, roster.Partitions[1].Owner = "", odd
	})
	is := c.roster(sales)
	equal(c, "members", len(is.Members), 1)
	equal(c, "owners", ownersOf(is.Partitions), []string{"", odd, odd, ""})
}

// renewalKeepsEpochs holds that an epoch ends for the partition whose owner changes, and for no other.
func renewalKeepsEpochs(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 3)
	c.coordinates(c.handles[0], sales, joins("a", long, 0, 1))
	before := c.all(c.handles[0], sales)
	for i := range 3 {
		c.coordinates(c.another(i), sales, joins("a", 2*long, 0, 1))
		c.coordinates(c.another(i), sales, joins("b", long))
		equal(c, "checkpoints after a renewal", c.all(c.handles[0], sales), before)
	}
	c.coordinates(c.another(1), sales, joins("b", long, 1))
	for i, at := range c.all(c.handles[0], sales) {
		if i == 1 {
			equal(c, "epoch of who has another owner is later", at.Epoch > before[i].Epoch, true)
			continue
		}
		equal(c, "checkpoint with the same owner", at, before[i])
	}
}

// racingMembers lets members add themselves, and each take a partition that nobody has.
func racingMembers(c *consumerTrial) {
	const members = 12
	sales := first("sales")
	c.define(sales, members)
	before := c.all(c.handles[0], sales)
	c.race(members, func(i int) error {
		return c.another(i).Coordinate(c.ctx, sales, func(roster *eventstore.Roster) {
			joins(counted("member", i), long)(roster)
			for j := range roster.Partitions {
				if at := &roster.Partitions[j]; at.Owner == "" {
					at.Owner = counted("member", i)
					return
				}
			}
		})
	})
	is := c.roster(sales)
	equal(c, "members", len(is.Members), members)
	has := make(map[string]int)
	for i, at := range is.Partitions {
		has[at.Owner]++
		equal(c, fmt.Sprintf("partition %d is in a later epoch", i), at.Epoch > before[i].Epoch, true)
	}
	for i := range members {
		equal(c, counted("partitions of member", i), has[counted("member", i)], 1)
	}
}

// changesTakeTurns counts with what a roster can count with, the time at which a lease ends.
func changesTakeTurns(c *consumerTrial) {
	const racers = 6
	sales := first("sales")
	c.define(sales, 1)
	begun := c.roster(sales).Now
	turns := max(c.size/racers/4, 2)
	var inside atomic.Int64
	c.race(racers, func(i int) error {
		for range turns {
			alone := true
			err := c.another(i).Coordinate(c.ctx, sales, func(roster *eventstore.Roster) {
				alone = inside.Add(1) == 1
				c.pause(time.Millisecond) // to let another in
				if roster.Members["counter"].IsZero() {
					roster.Members["counter"] = begun
				}
				roster.Members["counter"] = roster.Members["counter"].Add(time.Second)
				inside.Add(-1)
			})
			if err != nil {
				return err
			}
			if !alone {
				return errors.New("two change the roster of one consumer at the same time")
			}
		}
		return nil
	})
	equal(c, "changes that were kept", c.roster(sales).Members["counter"].Sub(begun)/time.Second,
		time.Duration(racers*turns))
}

func leaseRunsOut(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.coordinates(c.handles[0], sales, joins("a", long, 0, 1))
	c.coordinates(c.handles[0], sales, joins("b", long, 1))
	before := c.all(c.handles[0], sales)
	c.coordinates(c.handles[0], sales, joins("a", moment))
	c.eventually("a partition without owner", func() bool {
		c.pass(moment / 10)
		return c.at(sales, 0).Owner == ""
	})
	for _, handle := range c.handles {
		all := c.all(handle, sales)
		equal(c, "owners", ownersOf(all), []string{"", "b"})
		equal(c, "epoch when a lease has run out", all[0].Epoch, before[0].Epoch)
	}
	is := c.roster(sales)
	equal(c, "owners of the roster", ownersOf(is.Partitions), []string{"a", "b"})
	if end := is.Members["a"]; end.After(is.Now) {
		c.Fatalf("the lease ends at %v, it is %v, and the partition has no owner", end, is.Now)
	}

	// A move does not rest on the lease, and a lease can be renewed late.
	c.goes(before[0], 1)
	c.coordinates(c.another(1), sales, joins("a", long))
	equal(c, "owners after a late renewal", ownersOf(c.all(c.handles[0], sales)), []string{"a", "b"})
	if c.passTime != nil {
		c.passTime(long - time.Second)
		equal(c, "owner before the lease has run out", c.at(sales, 0).Owner, "a")
		c.passTime(time.Second)
		equal(c, "owner when the lease runs out", c.at(sales, 0).Owner, "")
	}
}

func noMemberOwnsNothing(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 2)
	c.coordinates(c.handles[0], sales, joins("a", long, 0, 1))
	c.coordinates(c.handles[0], sales, func(roster *eventstore.Roster) {
		delete(roster.Members, "a")
		roster.Partitions[1].Owner = "nobody"
	})
	equal(c, "owners", ownersOf(c.all(c.another(1), sales)), []string{"", ""})
	equal(c, "owners of the roster", ownersOf(c.roster(sales).Partitions), []string{"a", "nobody"})
}

func rostersAreApart(c *consumerTrial) {
	ids := []eventstore.ConsumerID{first("sales"), {Name: "sales", Version: 2}, first("Sales"), first("stock")}
	for i, id := range ids {
		c.define(id, 1)
		c.coordinates(c.handles[0], id, joins(counted("member", i), long, 0))
	}
	for i, id := range ids {
		is := c.roster(id)
		equal(c, "members", len(is.Members), 1)
		equal(c, "owner", ownersOf(is.Partitions), []string{counted("member", i)})
	}
}
