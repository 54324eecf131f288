package eventstoretest

import (
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// whereItEndsClauses hold: a reader whose position the store has not reached is told so, as acknowledged events must
// have been lost under the store.
func whereItEndsClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "an empty store", check: beyondHeadOfEmptyStore},
		{name: "beyond the head", check: beyondHead},
		{name: "the head itself is not beyond", check: headIsNotBeyond},
	}
}

func beyondHeadOfEmptyStore(c *trial) {
	for _, store := range c.handles() {
		c.isBeyond(store, 1)
		c.isBeyond(store, 1<<62)
	}
}

func beyondHead(c *trial) {
	head := c.append(write("a", eventstore.NoStream, events(3)...)).Position
	for _, store := range c.handles() {
		c.isBeyond(store, head+1)
		c.isBeyond(store, head+1000)
		c.isBeyond(store, 1<<62)
	}
	c.append(write("a", eventstore.Exactly(3), events(1)...))
	equal(c, "events", len(c.all(c.Store)), 4)
}

// isBeyond ends the clause unless readings and subscriptions after a position end at once with ErrBeyondHead.
func (c *trial) isBeyond(store eventstore.Store, after eventstore.Position) {
	c.Helper()
	for _, filter := range []eventstore.Filter{
		everything, {Categories: []string{testCategory}}, {Types: []string{"nothing has this type"}},
	} {
		events, err := collect(store.ReadAll(c.ctx, after, filter))
		c.fails(err, eventstore.ErrBeyondHead, "read all after %d", after)
		equal(c, "events before the error", len(events), 0)
		batches, err := collect(store.Subscribe(c.ctx, after, filter))
		c.fails(err, eventstore.ErrBeyondHead, "subscribe after %d", after)
		equal(c, "batches before the error", len(batches), 0)
	}
}

func headIsNotBeyond(c *trial) {
	for i := range 3 {
		head := c.append(begins(counted("a", i))).Position
		for _, store := range c.handles() {
			rest, err := readAll(c.ctx, store, head, everything)
			c.ok(err, "read all after the head")
			equal(c, "events after the head", len(rest), 0)
			first := c.follow(store, head, everything, habits{}).starts()
			equal(c, "Through at the head", fmt.Sprint(first.Through), fmt.Sprint(head))
		}
	}
}
