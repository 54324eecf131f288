package eventstoretest

import (
	"fmt"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// wanted returns what a consumer has parked that a query wants.
func (c *parkingTrial) wanted(
	parking eventstore.Parking, id eventstore.ConsumerID, query eventstore.ParkedQuery,
) []eventstore.Parked {
	c.Helper()
	all, err := parking.Parked(c.ctx, id, query)
	c.ok(err, "list what %q has parked, by %+v", id, query)
	return all
}

// queriesFind asks for sequences in every way, and compares with what is to be had of all of them.
func queriesFind(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	c.define(first("stock"), 1)
	c.parks(first("stock"), setAside("stream-0", 1), setAside("stream-7", 2))
	for i := range 12 {
		c.parks(sales, setAside(counted("stream", i), eventstore.Position(120-10*i)))
	}
	for _, i := range []int{1, 4, 5, 11} {
		c.ok(c.parking[0].Retry(c.ctx, sales, stream(counted("stream", i))), "retry")
	}
	all := c.parked(c.parking[0], sales)
	equal(c, "number of parked sequences", len(all), 12)
	for i, query := range parkedQueries() {
		id := []eventstore.ConsumerID{sales, live("sales")}[i%2]
		for _, parking := range c.parking {
			got := append([]eventstore.Parked{}, c.wanted(parking, id, query)...) // none may be nil
			equal(c, fmt.Sprintf("what %+v wants", query), got, wantedOf(all, query))
		}
	}
}

func parkedQueries() []eventstore.ParkedQuery {
	odd := eventstore.StreamID{Category: "a-b", Key: "NUL \x00"} // that no stream can be named
	var queries []eventstore.ParkedQuery
	for _, streams := range [][]eventstore.StreamID{
		nil,
		{stream("stream-4")},
		{stream("stream-5"), odd, stream("stream-0"), stream("never parked"), stream("stream-5"), stream("stream-11")},
		{stream("never parked")},
		{odd},
	} {
		for _, after := range []eventstore.Position{0, 50, 1000} {
			for _, limit := range []int{0, 1, 3, 100} {
				for _, retry := range []bool{false, true} {
					queries = append(queries, eventstore.ParkedQuery{
						Streams: streams, Retry: retry, After: after, Limit: limit, WithoutReason: limit == 3,
					})
				}
			}
		}
	}
	return queries
}

// wantedOf returns those of all parked sequences that a query wants, in their order.
func wantedOf(all []eventstore.Parked, query eventstore.ParkedQuery) []eventstore.Parked {
	wanted := []eventstore.Parked{}
	for _, sequence := range all {
		if len(query.Streams) > 0 && !slices.Contains(query.Streams, sequence.Stream) ||
			query.Retry && !sequence.Retry || sequence.Position <= query.After ||
			query.Limit > 0 && len(wanted) == query.Limit {
			continue
		}
		if query.WithoutReason {
			sequence.Reason = ""
		}
		wanted = append(wanted, sequence)
	}
	return wanted
}

func latestParkedFirst(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	for i, key := range []string{"a", "b", "c"} {
		c.parks(sales, setAside(key, eventstore.Position(10*i+10)))
		c.pass(moment / 10)
	}
	c.parks(sales, setAside("a", 40)) // it was parked before
	for _, parking := range c.parking {
		for limit, want := range map[int][]string{0: {"c", "b", "a"}, 2: {"c", "b"}} {
			var got []string
			for _, sequence := range c.wanted(parking, sales, eventstore.ParkedQuery{LatestFirst: true, Limit: limit}) {
				got = append(got, sequence.Stream.Key)
			}
			equal(c, "the latest", got, want)
		}
	}
}

func invalidQuery(c *parkingTrial) {
	sales := first("sales")
	c.define(sales, 1)
	for _, parking := range c.parking {
		for _, query := range []eventstore.ParkedQuery{{After: -1}, {Limit: -1}} {
			_, err := parking.Parked(c.ctx, sales, query)
			c.fails(err, eventstore.ErrInvalid, "list what is parked by %+v", query)
		}
	}
}
