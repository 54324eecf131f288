package processmanagertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/processmanager"
)

var (
	errNotTogether = errors.New("only events can come together")
	errNoRefusal   = errors.New("a command is refused without an error")
	errBackwards   = errors.New("time does not go backwards")
	errEndless     = errors.New("timers of an instance are set again and again, and are due at once: they never end")
)

// maxFirings is how often an instance fires its timers while the clock stands still, 100 or so each time.
const maxFirings = 20

// place is where a process works, in memory and in its own time.
type place struct {
	clock  *clock
	store  *memstore.Store
	agenda *memstore.Target
	// process is the name of its consumer, and the category of its instances. It is known when there is a manager.
	process string
	// recorded counts the inputs of each stream.
	recorded map[eventstore.StreamID]int
}

func newPlace() *place {
	c := &clock{now: beginning}
	return &place{
		clock:    c,
		store:    memstore.New(&memstore.Options{Now: c.RecordedAt}),
		agenda:   newAgenda(c),
		recorded: make(map[eventstore.StreamID]int),
	}
}

func newAgenda(c *clock) *memstore.Target {
	return memstore.NewTarget(&memstore.TargetOptions{Now: c.Now})
}

// strictly returns options for a test: reactions are checked, nothing is logged, and nobody waits.
func strictly(options processmanager.Options) processmanager.Options {
	options.Now = nil
	options.Strict = true
	options.Logger = slog.New(slog.DiscardHandler)
	options.Concurrency = 1
	options.DispatchTimeout = time.Minute
	options.DispatchLease = 3 * time.Minute
	options.PollInterval = time.Microsecond
	options.MinBackoff = time.Microsecond
	options.MaxBackoff = time.Microsecond
	return options
}

// record lets time pass until events are recorded, and records them. Fire fires a timer.
func (p *place) record(ctx context.Context, events []event, fire func(dueTimer) error) error {
	latest := slices.MaxFunc(events, func(a, b event) int { return a.at.Compare(b.at) }).at
	if len(p.recorded) == 0 && !latest.IsZero() {
		p.clock.set(latest)
	}
	if now := p.clock.Now(); latest.Before(now) {
		latest = now
	}
	if err := p.passTime(ctx, latest, fire); err != nil {
		return err
	}
	defer p.clock.record(time.Time{})
	for _, e := range events {
		p.recorded[e.stream]++
		e.data.ID = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s/%d", e.stream, p.recorded[e.stream]))
		p.clock.record(e.at)
		_, err := p.store.Append(ctx, eventstore.Write{
			Stream: e.stream, Expected: eventstore.AnyVersion, Events: []eventstore.EventData{e.data},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// elapse is passTime for a while from now on.
func (p *place) elapse(ctx context.Context, d time.Duration, fire func(dueTimer) error) error {
	if d < 0 {
		return errBackwards
	}
	return p.passTime(ctx, p.clock.Now().Add(d), fire)
}

// passTime fires the timers that are due until a time, each at its own, and moves the clock there, unless it has passed.
func (p *place) passTime(ctx context.Context, until time.Time, fire func(dueTimer) error) error {
	var last dueTimer
	for again := 0; again <= maxFirings; again++ {
		set, err := p.timers(ctx)
		if err != nil {
			return err
		}
		if len(set) == 0 || set[0].DueAt.After(until) {
			p.clock.moveTo(until)
			return nil
		}
		if first := set[0]; first.instance != last.instance || first.DueAt.After(p.clock.Now()) {
			again, last = 0, first
		}
		p.clock.moveTo(last.DueAt)
		if err := fire(last); err != nil {
			return err
		}
	}
	return errEndless
}

// dueTimer is a timer of an instance.
type dueTimer struct {
	processmanager.Timer
	instance string
}

// timers returns those that are set, by due time.
func (p *place) timers(ctx context.Context) ([]dueTimer, error) {
	entries, err := p.agenda.Entries(ctx, p.process, eventstore.EntryQuery{WithTimers: true})
	var set []dueTimer
	for _, entry := range entries {
		for _, timer := range entry.Timers {
			set = append(set, dueTimer{Timer: timer, instance: entry.Instance})
		}
	}
	slices.SortStableFunc(set, func(a, b dueTimer) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.instance, b.instance))
	})
	return set, err
}

// timer returns the timer of a name that is due first.
func (p *place) timer(ctx context.Context, name string) (dueTimer, error) {
	set, err := p.timers(ctx)
	if err != nil {
		return dueTimer{}, err
	}
	place := slices.IndexFunc(set, func(t dueTimer) bool { return t.Name == name })
	if place < 0 {
		return dueTimer{}, fmt.Errorf("timer %q is not set", name)
	}
	return set[place], nil
}

// passTimeBefore fires the timers that are due before another, and moves the clock to where that one is due.
func (p *place) passTimeBefore(ctx context.Context, timer dueTimer, fire func(dueTimer) error) error {
	if err := p.passTime(ctx, timer.DueAt.Add(-time.Microsecond), fire); err != nil {
		return err
	}
	p.clock.moveTo(timer.DueAt)
	set, err := p.timers(ctx)
	if err == nil && !slices.Contains(set, timer) {
		err = fmt.Errorf("timer %q is not set any more when it is due", timer.Name)
	}
	return err
}
