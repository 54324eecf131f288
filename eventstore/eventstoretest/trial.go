package eventstoretest

import (
	"context"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// closeTimeout bounds the closing of a store when a clause has ended, perhaps because its context did.
const closeTimeout = 30 * time.Second

// trial is one run of a clause of Run.
type trial struct {
	*run
	Harness

	opened []eventstore.Store
	holds  holds
}

func runTrial(t reporter, h Harness, check func(c *trial)) {
	t.Helper()
	c := &trial{run: newRun(t, h.Patience, h.Appends, h.Seed), Harness: h}
	defer c.closeAll()
	defer c.finish()
	c.isEmpty()
	check(c)
}

// closeAll rolls back what is still held, and closes all handles.
func (c *trial) closeAll() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	c.holds.endAll(ctx)
	for _, store := range append(c.opened, c.Store) {
		if err := store.Close(ctx); err != nil {
			c.Errorf("close the store: %v", err)
		}
	}
}

func (c *trial) isEmpty() {
	c.Helper()
	if head := c.head(c.Store); head != 0 {
		c.Fatalf("the factory must give an empty store, the head of this one is %d", head)
	}
}

// another opens another handle.
func (c *trial) another() eventstore.Store {
	c.Helper()
	store, err := c.Open(c.ctx)
	c.ok(err, "open another handle")
	c.opened = append(c.opened, store)
	return store
}

// handles returns the store, and another handle where the backend has such.
func (c *trial) handles() []eventstore.Store {
	c.Helper()
	if c.Open == nil {
		return []eventstore.Store{c.Store}
	}
	return []eventstore.Store{c.Store, c.another()}
}
