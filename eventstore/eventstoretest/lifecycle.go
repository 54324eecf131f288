package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// lifecycleClauses hold what Close and the ends of contexts do.
func lifecycleClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "close ends subscriptions", check: closeEndsSubscriptions},
		{name: "everything fails after close", check: everythingFailsAfterClose},
		{name: "close again does nothing", check: closeAgain},
		{name: "close while appends race", check: closeWhileAppending},
		{name: "close leaves other handles alone", check: closeLeavesOthers, needs: []feature{needsOpen}},
		{name: "a canceled context ends a subscription", check: cancelEndsSubscription},
		{name: "an ended context ends every method", check: endedContextEndsAll},
	}
}

// subscribed starts subscriptions that stay until they end by themselves, and waits until all have begun.
func (c *trial) subscribed(ctx context.Context, n int) []*pending[error] {
	var subscriptions []*pending[error]
	for range n {
		begun := make(chan struct{})
		subscriptions = append(subscriptions, begin(c.run, "the end of a subscription", func() error {
			first := true
			for _, err := range c.Store.Subscribe(ctx, 0, everything) {
				if err != nil {
					return err
				}
				if first {
					close(begun)
				}
				first = false
			}
			return errors.New("the subscription ended without an error")
		}))
		select {
		case <-begun:
		case <-c.ctx.Done():
			c.Fatalf("a subscription never began")
		}
	}
	return subscriptions
}

func closeEndsSubscriptions(c *trial) {
	c.append(begins("a"))
	subscriptions := c.subscribed(c.ctx, 5)
	c.ok(c.Store.Close(c.ctx), "close")
	for _, s := range subscriptions {
		c.fails(s.wait(), eventstore.ErrClosed, "subscription of a store that is closed")
	}
}

// callAll calls every method but Close, and returns their errors.
func callAll(ctx context.Context, store eventstore.Store) map[string]error {
	errs := make(map[string]error)
	_, errs["Append"] = store.Append(ctx, begins("never"))
	_, errs["ReadStream"] = collect(store.ReadStream(ctx, stream("a"), eventstore.ReadOptions{}))
	_, errs["ReadAll"] = collect(store.ReadAll(ctx, 0, everything))
	_, errs["Subscribe"] = collect(store.Subscribe(ctx, 0, everything))
	_, errs["Head"] = store.Head(ctx)
	return errs
}

func everythingFailsAfterClose(c *trial) {
	c.append(begins("a"))
	c.ok(c.Store.Close(c.ctx), "close")
	for method, err := range callAll(c.ctx, c.Store) {
		c.fails(err, eventstore.ErrClosed, "%s after Close", method)
	}
}

func closeAgain(c *trial) {
	c.race(4, func(int) error { return c.Store.Close(c.ctx) })
	c.ok(c.Store.Close(c.ctx), "close again")
}

// closeWhileAppending closes a handle under its appends: each is acknowledged, refused, or in doubt.
func closeWhileAppending(c *trial) {
	const racers = 6
	closing := c.Store
	if c.Open != nil {
		closing = c.another()
	}
	results := make([][]attempt, racers)
	started := make(chan struct{}, racers)
	closed := begin(c.run, "close", func() error {
		for range racers {
			await(c.ctx, started)
		}
		return closing.Close(c.ctx)
	})
	c.race(racers, func(i int) error {
		for n := 0; ; n++ {
			w := write(counted("a", i), eventstore.Exactly(eventstore.Version(n)), identified(counted("racer", i, n)))
			_, err := closing.Append(c.ctx, w)
			a := attempt{write: w, written: err == nil, doubt: errors.Is(err, eventstore.ErrOutcomeUnknown)}
			results[i] = append(results[i], a)
			if n == 3 {
				started <- struct{}{}
			}
			switch {
			case err == nil:
			case a.doubt, errors.Is(err, eventstore.ErrClosed):
				return nil
			default:
				return fmt.Errorf("append to a store that closes: %w", err)
			}
		}
	})
	c.ok(closed.wait(), "close")
	if c.Open != nil {
		c.judgeAttempts(slices.Concat(results...))
	}
}

func closeLeavesOthers(c *trial) {
	other := c.another()
	f := c.follow(c.Store, 0, everything, habits{})
	f.starts()
	c.appendTo(other, begins("a"))
	c.ok(other.Close(c.ctx), "close another handle")
	c.append(begins("b"))
	f.shows("a", "b")
	c.shows(c.Store, "a", "b")
}

func cancelEndsSubscription(c *trial) {
	c.append(begins("a"))
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	subscriptions := c.subscribed(ctx, 5)
	cancel()
	for _, s := range subscriptions {
		c.fails(s.wait(), context.Canceled, "subscription whose context was canceled")
	}
	f := c.follow(c.Store, 0, everything, habits{})
	c.append(begins("b"))
	f.shows("a", "b")
}

func endedContextEndsAll(c *trial) {
	c.append(begins("a"))
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	for method, err := range callAll(ctx, c.Store) {
		c.fails(err, context.Canceled, "%s under an ended context", method)
	}
	c.shows(c.Store, "a")
}
