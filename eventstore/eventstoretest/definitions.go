package eventstoretest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
)

// definitionClauses hold what Define makes, and what it leaves alone.
func definitionClauses() []clause[*consumerTrial] {
	return []clause[*consumerTrial]{
		{name: "an undefined consumer has no checkpoints", check: undefinedHasNone},
		{name: "who controls an undefined consumer is told", check: undefinedIsTold},
		{name: "a defined consumer is at 0", check: definedAtZero},
		{name: "defining again keeps position and partitions", check: definingAgainKeeps},
		{name: "defining again notes what has changed", check: definingAgainNotes},
		{name: "the first version is live", check: firstVersionIsLive},
		{name: "versions do not concern each other", check: versionsAreApart},
		{name: "consumers are listed by name and version", check: consumersAreListed},
		{name: "an invalid definition is refused", check: invalidDefinition},
		{name: "racing definitions make one consumer", check: racingDefinitions},
	}
}

func (c *consumerTrial) consumers(handle consumerHandle) []eventstore.DefinedConsumer {
	c.Helper()
	all, err := handle.Consumers(c.ctx)
	c.ok(err, "list consumers")
	return all
}

func undefinedHasNone(c *consumerTrial) {
	c.define(first("other"), 2)
	for _, handle := range c.handles {
		for _, id := range []eventstore.ConsumerID{first("new"), live("new"), {Name: "other", Version: 2}} {
			equal(c, fmt.Sprintf("checkpoints of %+v", id), len(c.all(handle, id)), 0)
		}
	}
	c.refuses(eventstore.ErrCheckpointMoved, eventstore.Move{Consumer: first("new"), To: 1})
	err := c.handles[0].Pause(c.ctx, eventstore.Checkpoint{Consumer: first("new")}, "never there")
	c.fails(err, eventstore.ErrCheckpointMoved, "pause an undefined consumer")
	c.ok(c.handles[0].Forget(c.ctx, first("new")), "forget an undefined consumer")
	equal(c, "checkpoints afterwards", len(c.all(c.handles[0], first("new"))), 0)
	equal(c, "consumers", len(c.consumers(c.handles[0])), 1)
}

// undefinedIsTold lets nobody believe that a consumer was resumed whose name is misspelled.
func undefinedIsTold(c *consumerTrial) {
	c.define(first("sales"), 2)
	for _, handle := range c.handles {
		for _, id := range []eventstore.ConsumerID{first("slaes"), live("slaes"), {Name: "sales", Version: 2}} {
			c.fails(handle.Resume(c.ctx, id), eventstore.ErrInvalid, "resume the undefined %q", id)
			c.fails(handle.Repartition(c.ctx, id, 3), eventstore.ErrInvalid, "repartition the undefined %q", id)
			err := handle.Coordinate(c.ctx, id, func(*eventstore.Roster) { c.Errorf("the undefined %q has a roster", id) })
			c.fails(err, eventstore.ErrInvalid, "coordinate the undefined %q", id)
		}
	}
}

func definedAtZero(c *consumerTrial) {
	for _, partitions := range []int{1, 3, eventstore.MaxPartitions} {
		id := first(counted("consumer", partitions))
		c.define(id, partitions)
		for _, handle := range c.handles {
			all := c.all(handle, id)
			equal(c, "number of checkpoints", len(all), partitions)
			for i, at := range all {
				want := eventstore.Checkpoint{
					Consumer: id, Partition: i, Partitions: partitions, Live: true, Epoch: at.Epoch, UpdatedAt: at.UpdatedAt,
				}
				equal(c, "a new checkpoint", at, want)
			}
		}
	}
}

func definingAgainKeeps(c *consumerTrial) {
	sales := first("sales")
	c.define(sales, 3)
	c.moves(sales, 7)
	c.pauses(c.at(sales, 1), "a reason")
	c.coordinates(c.handles[0], sales, joins("a", long, 0))
	before := c.all(c.handles[0], sales)
	for i, partitions := range []int{3, 1, 8} {
		definition := eventstore.Definition{Kind: "process manager", Partitions: partitions}
		c.ok(c.another(i).Define(c.ctx, sales, definition), "define again")
		equal(c, "checkpoints", c.all(c.handles[0], sales), before)
		equal(c, "partitions of the consumer", c.consumers(c.handles[0])[0].Partitions, 3)
	}
}

func definingAgainNotes(c *consumerTrial) {
	sales := first("sales")
	for i, definition := range []eventstore.Definition{
		{Kind: "projection", Partitions: 2},
		{Kind: "projection", Categories: []string{"order", "Ware", "a-b's"}, Partitions: 2},
		{Kind: "process manager", Categories: []string{"order"}, Partitions: 2},
		{Kind: "", Partitions: 2},
	} {
		c.ok(c.another(i).Define(c.ctx, sales, definition), "define")
		for _, handle := range c.handles {
			all := c.consumers(handle)
			equal(c, "number of consumers", len(all), 1)
			got := all[0]
			equal(c, "consumer", got.ConsumerID, sales)
			equal(c, "kind", got.Kind, definition.Kind)
			equal(c, "categories", slices.Equal(got.Categories, definition.Categories), true)
			equal(c, "live", got.Live, true)
			equal(c, "DefinedAt is zero", got.DefinedAt.IsZero(), false)
		}
	}
}

func firstVersionIsLive(c *consumerTrial) {
	for name, versions := range map[string][]int{"sales": {1, 2, 3}, "stock": {7, 1}} {
		for _, version := range versions {
			c.define(eventstore.ConsumerID{Name: name, Version: version}, version)
		}
		for _, handle := range c.handles {
			for i, version := range versions {
				for _, at := range c.all(handle, eventstore.ConsumerID{Name: name, Version: version}) {
					equal(c, fmt.Sprintf("version %d of %q is live", version, name), at.Live, i == 0)
				}
			}
			id := eventstore.ConsumerID{Name: name, Version: versions[0]}
			equal(c, "checkpoints of version 0", c.all(handle, live(name)), c.all(handle, id))
		}
	}
}

func versionsAreApart(c *consumerTrial) {
	one, other := first("sales"), eventstore.ConsumerID{Name: "sales", Version: 2}
	c.define(one, 2)
	c.define(other, 3)
	c.moves(one, 7)
	c.is(other, 0)
	c.pauses(c.at(other, 1), "only this one")
	c.is(one, 7)
	c.ok(c.handles[0].Resume(c.ctx, live("sales")), "resume the live version")
	equal(c, "paused", c.at(other, 1).Paused, true)
	c.ok(c.handles[0].Resume(c.ctx, other), "resume the other version")
	c.is(other, 0)
	c.pauses(c.at(one, 1), "the live one")
	c.ok(c.handles[0].Resume(c.ctx, live("sales")), "resume the live version")
	c.is(one, 7)
}

func consumersAreListed(c *consumerTrial) {
	equal(c, "consumers at first", len(c.consumers(c.handles[0])), 0)
	var want []eventstore.ConsumerID
	for _, name := range append(oddNames(), "$pm.x", strings.Repeat("n", eventstore.MaxConsumerBytes)) {
		want = append(want, first(name))
	}
	want = append(want, eventstore.ConsumerID{Name: "A", Version: eventstore.MaxConsumerVersion},
		eventstore.ConsumerID{Name: "A", Version: 10}, eventstore.ConsumerID{Name: "A", Version: 2})
	for _, id := range want {
		c.define(id, 1)
	}
	slices.SortFunc(want, func(one, other eventstore.ConsumerID) int {
		if one.Name == other.Name {
			return one.Version - other.Version
		}
		return strings.Compare(one.Name, other.Name)
	})
	for _, handle := range c.handles {
		var got []eventstore.ConsumerID
		for _, consumer := range c.consumers(handle) {
			got = append(got, consumer.ConsumerID)
		}
		equal(c, "consumers", got, want)
	}
}

func badConsumerNames() []string {
	return append(slices.Collect(maps.Values(badNames())), strings.Repeat("n", eventstore.MaxConsumerBytes+1))
}

func invalidDefinition(c *consumerTrial) {
	define := func(id eventstore.ConsumerID, partitions int) {
		err := c.handles[0].Define(c.ctx, id, eventstore.Definition{Kind: "projection", Partitions: partitions})
		c.fails(err, eventstore.ErrInvalid, "define %+v with %d partitions", id, partitions)
	}
	for _, name := range badConsumerNames() {
		define(first(name), 1)
	}
	for _, version := range []int{0, -1, eventstore.MaxConsumerVersion + 1} {
		define(eventstore.ConsumerID{Name: "sales", Version: version}, 1)
	}
	for _, partitions := range []int{0, -1, eventstore.MaxPartitions + 1} {
		define(first("sales"), partitions)
	}
	equal(c, "consumers", len(c.consumers(c.handles[0])), 0)
}

func racingDefinitions(c *consumerTrial) {
	const racers = 8
	for round := range 5 {
		name := counted("consumer", round)
		c.race(racers, func(i int) error {
			id := eventstore.ConsumerID{Name: name, Version: 1 + i%2}
			return c.another(i/2).Define(c.ctx, id, eventstore.Definition{Kind: "projection", Partitions: 1 + i})
		})
		count := 0
		for version := 1; version <= 2; version++ {
			all := c.all(c.handles[0], eventstore.ConsumerID{Name: name, Version: version})
			if n := len(all); n == 0 || n > racers || n%2 != version%2 {
				c.Fatalf("version %d has %d partitions", version, n)
			}
			if all[0].Live {
				count++
			}
		}
		equal(c, "live versions", count, 1)
	}
}
