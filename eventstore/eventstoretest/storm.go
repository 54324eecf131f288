package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// storm is appends and followers that go on while something breaks the store. Each append is repeated with the same
// IDs until it is acknowledged.
type storm struct {
	c       *trial
	handles []eventstore.Store
	times   int
	disturb func(ctx context.Context) error

	acknowledged atomic.Int64
	strikes      chan struct{}

	mu sync.Mutex
	// ids are those of the events of acknowledged appends.
	ids map[uuid.UUID]bool
	// doubtful are the IDs of held appends that may or may not have been committed.
	doubtful map[uuid.UUID]bool
}

// stormClauses hold S1 to S10 together while something breaks the store.
func stormClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "killed connections", check: killWhileAppending, needs: []feature{needsKill}},
		{name: "a crash", check: crashWhileAppending, needs: []feature{needsCrash}},
	}
}

const stormAppenders, stormHolders = 6, 2

func killWhileAppending(c *trial) { c.storm(5, c.Kill) }

func crashWhileAppending(c *trial) { c.storm(1, c.Crash) }

// storm breaks the store so many times while appends and subscriptions go on, and judges what remains.
func (c *trial) storm(times int, disturb func(ctx context.Context) error) {
	c.Helper()
	s := &storm{
		c: c, handles: c.handles(), times: times, disturb: disturb,
		strikes: make(chan struct{}, times), ids: make(map[uuid.UUID]bool), doubtful: make(map[uuid.UUID]bool),
	}
	followers := c.followRestlessly(s.handles)
	striking := begin(c.run, "what breaks the store", s.strike)
	c.race(stormAppenders+stormHolders, s.racer)
	c.ok(striking.wait(), "break the store")
	s.judge()
	c.areComplete(followers)
}

// strike disturbs the store each time that the appenders ask for it.
func (s *storm) strike() error {
	for range s.times {
		select {
		case <-s.strikes:
		case <-s.c.ctx.Done():
			return s.c.ctx.Err()
		}
		if err := s.disturb(s.c.ctx); err != nil {
			return err
		}
	}
	return nil
}

// perAppender makes the storm a quarter of what other random clauses are: what breaks takes time to recover.
func (s *storm) perAppender() int { return max(s.c.size/stormAppenders/2, s.times+1) }

func (s *storm) racer(i int) error {
	random := s.c.newRandom(i + 1)
	for n := range s.perAppender() {
		write := s.c.sharedWrite(random, counted("racer", i, n))
		write.Events[0].ID = uuid.New()
		if i >= stormAppenders {
			s.hold(random, write)
			continue
		}
		if _, err := s.c.appendUntilKnown(s.handles[i%len(s.handles)], write); err != nil {
			return err
		}
		s.note(s.ids, write)
		s.count()
	}
	return nil
}

// count asks for a strike now and then, evenly over the storm.
func (s *storm) count() {
	every := int64(stormAppenders * s.perAppender() / (s.times + 1))
	if n := s.acknowledged.Add(1); n%every == 0 && n/every <= int64(s.times) {
		s.strikes <- struct{}{}
	}
}

// hold is an append in a transaction of the caller, which whatever breaks the store may end.
func (s *storm) hold(random *rand.Rand, write eventstore.Write) {
	if s.c.Hold == nil {
		return
	}
	held, err := s.c.tryHold(write)
	if err != nil {
		return
	}
	s.c.pause(time.Duration(random.IntN(5000)) * time.Microsecond)
	if random.IntN(3) == 0 {
		// An error is what the storm makes.
		_ = held.Rollback(s.c.ctx)
		return
	}
	if err := held.Commit(s.c.ctx); err != nil {
		s.note(s.doubtful, write)
		return
	}
	s.note(s.ids, write)
}

func (s *storm) note(ids map[uuid.UUID]bool, write eventstore.Write) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids[write.Events[0].ID] = true
}

// judge finds what was acknowledged exactly once, and nothing else but what is in doubt.
func (s *storm) judge() {
	s.c.Helper()
	found := make(map[uuid.UUID]bool)
	for _, e := range s.c.allSurely(s.c.Store) {
		switch {
		case found[e.ID]:
			s.c.Errorf("written twice: %s", place(e))
		case !s.ids[e.ID] && !s.doubtful[e.ID]:
			s.c.Errorf("never acknowledged: %s", place(e))
		}
		found[e.ID] = true
	}
	for id := range s.ids {
		if !found[id] {
			s.c.Errorf("event %s was acknowledged and is not there", id)
		}
	}
	for _, store := range s.handles {
		s.c.areStreams(s.c.allSurely(store))
	}
}

// appendUntilKnown repeats an append, whose events have IDs, until its outcome is known. It is for any goroutine.
func (c *trial) appendUntilKnown(store eventstore.Store, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	for {
		result, err := store.Append(c.ctx, writes...)
		switch {
		case err == nil:
			return result, nil
		case c.ctx.Err() != nil:
			return result, fmt.Errorf("append, waited in vain: %w", err)
		case isConflict(err), errors.Is(err, eventstore.ErrInvalid), errors.Is(err, eventstore.ErrIDReused),
			errors.Is(err, eventstore.ErrClosed):
			return result, fmt.Errorf("append: %w", err)
		}
		c.pause(5 * time.Millisecond)
	}
}

// appendSurely is appendUntilKnown for the clause's own goroutine.
func (c *trial) appendSurely(store eventstore.Store, writes ...eventstore.Write) eventstore.AppendResult {
	c.Helper()
	result, err := c.appendUntilKnown(store, writes...)
	c.ok(err, "append in spite of what breaks")
	return result
}

// surely asks again as long as it gets an error, as when a broken connection is found to be so.
func surely[V any](c *run, what string, ask func() (V, error)) V {
	c.Helper()
	var (
		answer V
		err    error
	)
	c.eventually(what, func() bool {
		answer, err = ask()
		return err == nil
	})
	return answer
}

// allSurely reads all of a store that comes to rest, again when a connection turns out to be broken, and as long as an
// append holds readers back whose caller has given up waiting for it.
func (c *trial) allSurely(store eventstore.Store) []eventstore.RecordedEvent {
	c.Helper()
	return surely(c.run, "a reading up to the head", func() ([]eventstore.RecordedEvent, error) {
		head, err := store.Head(c.ctx)
		if err != nil {
			return nil, err
		}
		all, err := readAll(c.ctx, store, 0, everything)
		if err == nil && head > 0 && (len(all) == 0 || all[len(all)-1].Position < head) {
			err = errHeldBack
		}
		return all, err
	})
}

var errHeldBack = errors.New("a reading has ended before the head")
