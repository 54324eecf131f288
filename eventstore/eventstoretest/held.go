package eventstoretest

import (
	"context"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
)

// holds are the held appends of a trial. Those that a failed clause leaves behind are rolled back.
type holds struct {
	mu   sync.Mutex
	open map[*heldAppend]struct{}
}

// heldAppend is a Held that is forgotten once it has ended.
type heldAppend struct {
	Held

	holds *holds
}

func (h *holds) add(held Held) Held {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open == nil {
		h.open = make(map[*heldAppend]struct{})
	}
	added := &heldAppend{Held: held, holds: h}
	h.open[added] = struct{}{}
	return added
}

func (h *holds) forget(held *heldAppend) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open, held)
}

func (h *holds) endAll(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for held := range h.open {
		// The clause has failed already, and says why.
		_ = held.Held.Rollback(ctx)
	}
}

func (h *heldAppend) Commit(ctx context.Context) error {
	h.holds.forget(h)
	return h.Held.Commit(ctx)
}

func (h *heldAppend) Rollback(ctx context.Context) error {
	h.holds.forget(h)
	return h.Held.Rollback(ctx)
}

// tryHold is Hold, for any goroutine of the clause.
func (c *trial) tryHold(writes ...eventstore.Write) (Held, error) {
	held, err := c.Hold(c.ctx, writes...)
	if err != nil {
		return nil, err
	}
	return c.holds.add(held), nil
}

// hold executes an append that is not committed yet.
func (c *trial) hold(writes ...eventstore.Write) Held {
	c.Helper()
	held, err := c.tryHold(writes...)
	c.ok(err, "hold an append")
	return held
}

// holding is a Hold that goes on in the background, as it may wait for another.
type holding struct {
	held Held
	err  error
}

func (c *trial) beginHold(writes ...eventstore.Write) *pending[holding] {
	return begin(c.run, "a held append behind another", func() holding {
		held, err := c.tryHold(writes...)
		return holding{held, err}
	})
}

func (c *trial) commit(held Held) {
	c.Helper()
	c.ok(held.Commit(c.ctx), "commit a held append")
}

func (c *trial) rollback(held Held) {
	c.Helper()
	c.ok(held.Rollback(c.ctx), "roll back a held append")
}
