package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

// aloneInFailureClauses hold: an append that fails does not fail, delay or reorder its neighbors.
func aloneInFailureClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "failing appends among racing neighbors", check: failuresAmongNeighbors},
		{name: "failing appends on the same stream", check: failuresOnTheSameStream},
		{name: "an append that waits delays no neighbor", check: waitingDelaysNobody, needs: []feature{needsHold}},
	}
}

// failuresAmongNeighbors races appends that must succeed, and in the order of their acknowledgements, with others that
// fail in every way that an append can.
func failuresAmongNeighbors(c *trial) {
	const racers = 8
	handles := c.handles()
	taken := identified("taken")
	c.append(write("taken", eventstore.NoStream, taken))
	var highest atomic.Int64
	perRacer := max(c.size/racers, 1)
	c.race(racers, func(i int) error {
		store := handles[i%len(handles)]
		for n := range perRacer {
			if i%2 == 0 {
				if err := c.mustFail(store, n, taken); err != nil {
					return err
				}
				continue
			}
			before := highest.Load()
			result, err := store.Append(c.ctx, write(counted("good", i), eventstore.Exactly(eventstore.Version(n)), events(1)...))
			if err != nil {
				return fmt.Errorf("an append beside failing ones: %w", err)
			}
			if int64(result.Position) <= before {
				return fmt.Errorf("an append beside failing ones is at position %d, after %d", result.Position, before)
			}
			raise(&highest, int64(result.Position))
		}
		return nil
	})
	equal(c, "events", len(c.all(c.Store)), 1+racers/2*perRacer)
}

// mustFail makes an append that fails, each time in another way, and returns an error unless it does.
func (c *trial) mustFail(store eventstore.Store, n int, taken eventstore.EventData) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	fails := func(want error, writes ...eventstore.Write) error {
		if _, err := store.Append(ctx, writes...); !errors.Is(err, want) {
			return fmt.Errorf("the error of an append must wrap %q: %s", want.Error(), describe(err))
		}
		return nil
	}
	fresh := begins("never")
	switch n % 4 {
	case 0:
		reused := taken
		reused.Data = []byte(`"other"`)
		return fails(eventstore.ErrIDReused, write("taken", eventstore.AnyVersion, reused))
	case 1:
		return fails(eventstore.ErrInvalid, fresh, write("", eventstore.AnyVersion, events(1)...))
	case 2:
		cancel()
		return fails(context.Canceled, fresh)
	default:
		if _, err := store.Append(ctx, fresh, check("taken", eventstore.NoStream)); !isTrueConflict(err) {
			return fmt.Errorf("the error of an append must be a *ConflictError: %s", describe(err))
		}
		return nil
	}
}

// failuresOnTheSameStream lets losers and winners meet on few streams.
func failuresOnTheSameStream(c *trial) {
	const racers = 6
	handles := c.handles()
	var written atomic.Int64
	c.race(racers, func(i int) error {
		random := c.newRandom(i + 1)
		for range max(c.size/racers, 1) {
			w := c.sharedWrite(random, "same")
			conflicting := random.IntN(2) == 0
			if conflicting {
				w.Expected = eventstore.Exactly(1 << 40)
			}
			_, err := handles[i%len(handles)].Append(c.ctx, w)
			switch {
			case conflicting && !isTrueConflict(err):
				return fmt.Errorf("an append that expects %s has the error %v", w.Expected, describe(err))
			case !conflicting && err != nil:
				return fmt.Errorf("an append beside failing ones: %w", err)
			case !conflicting:
				written.Add(1)
			}
		}
		return nil
	})
	all := c.all(c.Store)
	equal(c, "events", int64(len(all)), written.Load())
	c.areStreams(all)
}

// waitingDelaysNobody has appends that must wait for a held one, while others do not.
func waitingDelaysNobody(c *trial) {
	held := c.hold(begins("contested"))
	var waiting []*pending[error]
	for i := range 3 {
		waiting = append(waiting, begin(c.run, "an append behind a held one", func() error {
			_, err := c.Store.Append(c.ctx, write("contested", eventstore.AnyVersion, events(1)...), begins(counted("w", i)))
			return err
		}))
	}
	c.race(8, func(i int) error {
		for n := range 5 {
			if _, err := c.Store.Append(c.ctx, begins(counted("free", i, n))); err != nil {
				return fmt.Errorf("append beside one that waits: %w", err)
			}
		}
		return nil
	})
	for _, w := range waiting {
		if w.isDone() {
			c.Fatalf("an append did not wait for a held one to the same stream: %v", describe(w.wait()))
		}
	}
	c.commit(held)
	for _, w := range waiting {
		c.ok(w.wait(), "append behind a held one")
	}
	equal(c, "events of the contested stream", len(c.stream(c.Store, "contested")), 4)
	equal(c, "events", len(c.all(c.Store)), 4+3+40)
}
