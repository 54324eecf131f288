package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/processmanager"
)

const (
	// firedTimers fire at once in each sample.
	firedTimers = 1_000
	// pendingTimers are set and not due meanwhile.
	pendingTimers = 100_000
)

func timers() []work {
	return []work{{
		name: "timers",
		about: "1,000 timers that come due at once, each of an instance of its own, until all have fired and that was " +
			"recorded, beside 100,000 that are not due; limit: the same of ours beside none",
		unit:   "timers/s",
		target: target{ratio: 0.8},
		ours:   fireTimers("reminders", pendingTimers),
		limit:  fireTimers("notes", 0),
	}}
}

// sqlPending makes entries of instances whose timers are not due for long. They have no streams, which nobody looks at
// before.
const sqlPending = `
	INSERT INTO pasttense.instances (process, instance, version, timers, timers_due_at, pending, parked, over)
	SELECT '$pm.' || $1, 'pending-' || n, 1,
		json_build_array(json_build_object('name', 'remind', 'due_at', '2100-01-01T00:00:00Z')),
		timestamptz '2100-01-01' + n * interval '1 second', false AS pending, false AS parked, false AS over
	FROM generate_series(1, $2) AS n`

// fireTimers fires the timers of a process beside so many that are pending.
func fireTimers(process string, pending int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		store, err := db.openStore(ctx, processConnections)
		if err != nil {
			return nil, err
		}
		pool, err := db.openPool(ctx, processConnections)
		if err != nil {
			return nil, err
		}
		if _, err := pool.Exec(ctx, sqlPending, process, pending); err != nil {
			return nil, err
		}
		if _, err := pool.Exec(ctx, `VACUUM ANALYZE pasttense.instances`); err != nil {
			return nil, err
		}
		f := &firing{store: store, clock: time.Now(), agenda: pgstore.NewTarget(pool, nil), fired: newCountdown()}
		f.manager = f.process(process)
		inBackground(ctx, db, func(ctx context.Context) error { return processmanager.Run(ctx, f.manager) })
		return f, nil
	}
}

// firing is a side that sets timers, and measures how fast they fire when the clock has moved.
type firing struct {
	store   *pgstore.Store
	agenda  *pgstore.Target
	manager *processmanager.Manager[fulfilling, fulfill]
	fired   *countdown

	mu    sync.Mutex
	clock time.Time
}

func (f *firing) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clock
}

func (f *firing) move(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock = f.clock.Add(d)
}

func (f *firing) process(name string) *processmanager.Manager[fulfilling, fulfill] {
	m := processmanager.New[fulfilling](name, f.store, f.agenda, requests,
		func(context.Context, fulfillCommand) error { return errors.New("nothing is sent") },
		&processmanager.Options{Now: f.now})
	family := eventstore.JSON(name, map[string]event{itemType: itemAdded{}}) // of its own, as both sides share a database
	processmanager.On(m, family,
		func(e eventstore.Envelope[event]) processmanager.Route { return processmanager.Start(e.Stream.Key) },
		func(s fulfilling, _ eventstore.Envelope[event]) (fulfilling, processmanager.Effects[fulfill]) {
			return s, processmanager.Effects[fulfill]{
				Schedule: []processmanager.Timer{{Name: "remind", DueAt: f.now().Add(time.Hour)}},
			}
		})
	processmanager.OnTimer(m, "remind",
		func(s fulfilling, _ processmanager.Fired) (fulfilling, processmanager.Effects[fulfill]) {
			f.fired.done()
			return s, processmanager.Effects[fulfill]{Complete: true}
		})
	return m
}

func (f *firing) measure(ctx context.Context, d time.Duration) (total sample, err error) {
	for total.elapsed < d {
		took, err := f.fire(ctx)
		if err != nil {
			return sample{}, err
		}
		total.amount += firedTimers
		total.elapsed += took
	}
	return total, nil
}

func (f *firing) fire(ctx context.Context) (time.Duration, error) {
	before, err := f.withTimers(ctx)
	if err != nil {
		return 0, err
	}
	f.fired.begin(firedTimers)
	if err := appendToNewStreams(ctx, f.store, f.manager.Name(), firedTimers); err != nil {
		return 0, err
	}
	if err := f.await(ctx, before+firedTimers); err != nil {
		return 0, err
	}
	return timed(func() error {
		f.move(2 * time.Hour)
		return f.fired.await(ctx)
	}, func() error { return f.await(ctx, before) })
}

func (f *firing) withTimers(ctx context.Context) (int, error) {
	summary, err := f.agenda.Summary(ctx, f.manager.Consumer().Name)
	return summary.WithTimers, err
}

// await waits until so many instances have timers.
func (f *firing) await(ctx context.Context, want int) error {
	for {
		got, err := f.withTimers(ctx)
		if err != nil || got == want {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}
