package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// honestInDoubtClauses hold: a canceled or broken append is either not written or reported as ErrOutcomeUnknown, and
// repeating it is safe.
func honestInDoubtClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "an ended context writes nothing", check: endedContextWritesNothing},
		{name: "canceled at any moment", check: canceledAtAnyMoment},
		{name: "canceled at any moment and repeated", check: canceledAndRepeated},
		{name: "canceled behind a held append", check: canceledBehindHeld, needs: []feature{needsHold}},
		{name: "killed at any moment", check: killedAtAnyMoment, needs: []feature{needsKill}},
	}
}

func endedContextWritesNothing(c *trial) {
	canceled, cancel := context.WithCancel(c.ctx)
	cancel()
	late, cancelLate := context.WithDeadline(c.ctx, time.Now().Add(-time.Second))
	defer cancelLate()
	for want, ctx := range map[error]context.Context{context.Canceled: canceled, context.DeadlineExceeded: late} {
		_, err := c.Store.Append(ctx, begins("a"))
		c.fails(err, want, "append under an ended context")
		equal(c, "an append that never began is in doubt", errors.Is(err, eventstore.ErrOutcomeUnknown), false)
	}
	c.shows(c.Store)
}

// attempt is an append that may have been cut short.
type attempt struct {
	write   eventstore.Write
	written bool // acknowledged
	doubt   bool // in doubt
}

func canceledAtAnyMoment(c *trial) {
	attempts := c.attemptMany(c.handles(), nil)
	c.judgeAttempts(attempts)
}

func canceledAndRepeated(c *trial) {
	handles := c.handles()
	c.judgeAttempts(c.attemptMany(handles, func(w eventstore.Write) error {
		_, err := c.appendUntilKnown(handles[0], w)
		return err
	}))
}

// attemptMany races appends whose contexts end at random moments. After an error repeat is called, unless it is nil,
// and makes sure that the append is written.
func (c *trial) attemptMany(handles []eventstore.Store, repeat func(w eventstore.Write) error) []attempt {
	c.Helper()
	const racers = 6
	usual := c.usualDuration()
	perRacer := max(c.size/racers, 1)
	attempts := make([][]attempt, racers)
	c.race(racers, func(i int) error {
		random := c.newRandom(i + 1)
		for n := range perRacer {
			w := c.sharedWrite(random, counted("racer", i, n))
			w.Events[0].ID = uuid.New()
			ctx, cancel := context.WithCancel(c.ctx)
			timer := time.AfterFunc(time.Duration(random.Int64N(int64(3*usual))), cancel)
			a, err := c.attempt(ctx, handles[i%len(handles)], w)
			timer.Stop()
			cancel()
			if err == nil && repeat != nil && !a.written {
				err = repeat(w)
				a.written, a.doubt = true, false
			}
			if err != nil {
				return err
			}
			attempts[i] = append(attempts[i], a)
		}
		return nil
	})
	return slices.Concat(attempts...)
}

// usualDuration returns how long an append takes here.
func (c *trial) usualDuration() time.Duration {
	c.Helper()
	const samples = 5
	begun := time.Now()
	for range samples {
		c.append(write("sample", eventstore.AnyVersion, events(1)...))
	}
	return max(time.Since(begun)/samples, 10*time.Microsecond)
}

// attempt appends under a context of its own, and overwrites what it gave to the store as soon as Append has returned:
// the store must not look at it any more.
func (c *trial) attempt(ctx context.Context, store eventstore.Store, w eventstore.Write) (attempt, error) {
	given := w
	given.Events = slices.Clone(w.Events)
	given.Events[0].Data = slices.Clone(w.Events[0].Data)
	_, err := store.Append(ctx, given)
	for i := range given.Events[0].Data {
		given.Events[0].Data[i] = '#'
	}
	given.Events[0] = eventstore.EventData{}
	unknown := errors.Is(err, eventstore.ErrOutcomeUnknown)
	if err != nil && !unknown && !errors.Is(err, ctx.Err()) {
		return attempt{}, fmt.Errorf("the error of a canceled append must wrap the context's or ErrOutcomeUnknown: %w", err)
	}
	return attempt{write: w, written: err == nil, doubt: unknown}, nil
}

// judgeAttempts finds what was acknowledged once, what was refused never, and what is in doubt at most once.
func (c *trial) judgeAttempts(attempts []attempt) {
	c.Helper()
	found := make(map[uuid.UUID][]eventstore.RecordedEvent)
	all := c.allSurely(c.Store)
	for _, e := range all {
		found[e.ID] = append(found[e.ID], e)
	}
	for _, a := range attempts {
		event := a.write.Events[0]
		times := len(found[event.ID])
		switch {
		case a.written && times != 1:
			c.Errorf("append %s was acknowledged and is there %d times", event.Data, times)
		case a.doubt && times > 1:
			c.Errorf("append %s was in doubt and is there %d times", event.Data, times)
		case !a.written && !a.doubt && times != 0:
			c.Errorf("append %s failed, its outcome was not said to be unknown, and it is there", event.Data)
		}
		for _, recorded := range found[event.ID] {
			if difference := compare(recorded, event); difference != "" {
				c.Errorf("append %s: %s", event.Data, difference)
			}
		}
	}
	c.areStreams(all)
}

// canceledBehindHeld cancels an append that waits for a held one.
func canceledBehindHeld(c *trial) {
	var attempts []attempt
	for i, end := range []func(held Held){c.commit, c.rollback} {
		w := write(counted("contested", i), eventstore.AnyVersion, identified("waiting"))
		held := c.hold(begins(w.Stream.Key))
		ctx, cancel := context.WithCancel(c.ctx)
		type outcome struct {
			attempt attempt
			err     error
		}
		waiting := begin(c.run, "a canceled append", func() outcome {
			a, err := c.attempt(ctx, c.Store, w)
			return outcome{a, err}
		})
		c.quiet()
		cancel()
		got := waiting.wait()
		c.ok(got.err, "cancel an append")
		equal(c, "acknowledged behind a held append", got.attempt.written, false)
		attempts = append(attempts, got.attempt)
		end(held)
		c.append(write(w.Stream.Key, eventstore.AnyVersion, events(1)...))
	}
	c.judgeAttempts(attempts)
}

// killedAtAnyMoment breaks connections under appends that are not repeated.
func killedAtAnyMoment(c *trial) {
	const kills = 4
	handles := c.handles()
	attempts := make([][]attempt, stormAppenders)
	for range kills {
		strike := begin(c.run, "kill connections", func() error {
			c.pause(time.Duration(c.random.IntN(20)) * time.Millisecond)
			return c.Kill(c.ctx)
		})
		c.race(stormAppenders, func(i int) error {
			for n := 0; !strike.isOver() || n < 3; n++ {
				w := write(counted("shared", i%sharedStreams), eventstore.AnyVersion, identified(counted("racer", i, n)))
				_, err := handles[i%len(handles)].Append(c.ctx, w)
				unknown := errors.Is(err, eventstore.ErrOutcomeUnknown)
				attempts[i] = append(attempts[i], attempt{write: w, written: err == nil, doubt: unknown})
			}
			return nil
		})
		c.ok(strike.wait(), "kill connections")
	}
	c.judgeAttempts(slices.Concat(attempts...))
}
