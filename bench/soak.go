package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

const (
	soakDuration = 3 * time.Minute

	// soakWarmUp is the part of its time in which a soak fills caches, before its memory counts.
	soakWarmUp = 10

	soakCallers     = 64
	soakSubscribers = 50 // who stay
	soakStreams     = 10_000

	// soakGoroutines is by how many goroutines a store may differ from itself at rest: those of single connections come
	// and go.
	soakGoroutines = 5

	// soakPatience is how long a store may take to come to rest.
	soakPatience = time.Minute
)

func soaks() []work {
	return []work{{
		name: "soak",
		about: "memory of a store after many appends, loads and subscriptions that stay, come and go; " +
			"limit: that after the first tenth of them, 20 % and 8 MB",
		unit:      "MB",
		soak:      soak,
		onRequest: true,
	}}
}

// soak fails when the store's memory or the number of its goroutines has grown.
func soak(ctx context.Context, db *database, d time.Duration) (result, error) {
	alone := runtime.NumGoroutine()
	store, err := db.openStore(ctx, appendConnections)
	if err != nil {
		return result{}, err
	}
	audience, err := subscribe(ctx, store, soakSubscribers)
	if err != nil {
		return result{}, err
	}
	defer audience.close()
	load := &soakLoad{store: store, audience: audience, streams: newStreams(soakStreams)}
	before, err := load.run(ctx, d/soakWarmUp)
	if err != nil {
		return result{}, err
	}
	db.progress.printf("  before: %s", before)
	after, err := load.run(ctx, d-d/soakWarmUp)
	if err != nil {
		return result{}, err
	}
	db.progress.printf("  after:  %s", after)
	audience.close()
	if err := store.Close(ctx); err != nil {
		return result{}, err
	}
	closed, err := goroutinesAtRest(ctx)
	if err != nil {
		return result{}, err
	}
	if closed > alone {
		return result{}, fmt.Errorf("%d goroutines are left of the store that was closed", closed-alone)
	}
	return soakResult(before, after)
}

// rest is how a store is while nothing happens but that it has subscriptions.
type rest struct {
	memory     int64
	goroutines int
	appended   int64 // events since the beginning
}

func (r rest) String() string {
	return fmt.Sprintf("heap and stacks %s MB, %d goroutines, %s events appended", megabytes(r.memory), r.goroutines,
		number(float64(r.appended)))
}

func soakResult(before, after rest) (result, error) {
	allowed := before.memory*6/5 + 8<<20
	r := result{
		Name:   "soak",
		Unit:   "MB",
		Ours:   float64(after.memory) / 1e6,
		Limit:  float64(before.memory) / 1e6,
		Ratio:  float64(after.memory) / float64(before.memory),
		Target: float64(allowed) / float64(before.memory),
		AtMost: true,
	}
	switch {
	case after.memory > allowed:
		return r, fmt.Errorf("memory has grown from %s to %s MB, the limit is %s MB", megabytes(before.memory),
			megabytes(after.memory), megabytes(allowed))
	case after.goroutines > before.goroutines+soakGoroutines:
		return r, fmt.Errorf("goroutines have grown from %d to %d", before.goroutines, after.goroutines)
	}
	return r, nil
}

// soakLoad is what a soak does.
type soakLoad struct {
	store    *pgstore.Store
	audience *audience
	streams  []eventstore.StreamID

	appended atomic.Int64 // events that were acknowledged
	last     atomic.Int64 // the position of one of the last
}

// run works for d, waits until the store has come to rest, and says how it is then.
func (l *soakLoad) run(ctx context.Context, d time.Duration) (rest, error) {
	if _, err := (throughput{callers: soakCallers, amount: 1, call: l.call}).measure(ctx, d); err != nil {
		return rest{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, soakPatience)
	defer cancel()
	head, err := l.store.Head(waiting)
	if err != nil {
		return rest{}, err
	}
	if err := l.audience.awaitPosition(waiting, head); err != nil {
		return rest{}, err
	}
	goroutines, err := goroutinesAtRest(waiting)
	if err != nil {
		return rest{}, err
	}
	return rest{memory: memoryInUse(), goroutines: goroutines, appended: l.appended.Load()}, nil
}

// call does one thing or another, mostly appends.
func (l *soakLoad) call(ctx context.Context) error {
	switch n := rand.IntN(1_000); {
	case n < 2:
		return l.abandon(ctx)
	case n < 4:
		return l.append(ctx, 200)
	case n < 20:
		return l.visit(ctx)
	case n < 100:
		return l.read(ctx)
	default:
		return l.append(ctx, 1)
	}
}

func (l *soakLoad) stream() eventstore.StreamID { return l.streams[rand.IntN(len(l.streams))] }

func (l *soakLoad) append(ctx context.Context, events int) error {
	result, err := l.store.Append(ctx, eventstore.Write{
		Stream: l.stream(), Expected: eventstore.AnyVersion, Events: newEvents(events),
	})
	if err != nil {
		return err
	}
	l.appended.Add(int64(events))
	l.last.Store(int64(result.Position))
	return nil
}

// abandon appends and does not wait long for the answer.
func (l *soakLoad) abandon(ctx context.Context) error {
	abandoned, cancel := context.WithTimeout(ctx, rand.N(5*time.Millisecond))
	defer cancel()
	if err := l.append(abandoned, 1); err != nil && abandoned.Err() == nil {
		return err
	}
	return nil
}

func (l *soakLoad) read(ctx context.Context) error {
	last := eventstore.ReadOptions{Backwards: true, Limit: streamEvents}
	for _, err := range l.store.ReadStream(ctx, l.stream(), last) {
		if err != nil {
			return err
		}
	}
	return nil
}

// visit subscribes from somewhere, and leaves after a while or after some batches, whichever comes first.
func (l *soakLoad) visit(ctx context.Context) error {
	visiting, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	after := eventstore.Position(rand.Int64N(l.last.Load() + 1))
	batches := 0
	for _, err := range l.store.Subscribe(visiting, after, eventstore.Filter{}) {
		if err != nil && visiting.Err() == nil {
			return err
		}
		batches++
		if batches == 5 {
			break
		}
	}
	return nil
}

// goroutinesAtRest returns how many goroutines there are once their number has not changed for a while.
func goroutinesAtRest(ctx context.Context) (int, error) {
	const interval, unchanged = 50 * time.Millisecond, 20
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	count, times := runtime.NumGoroutine(), 0
	for times < unchanged {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("await rest, there are %d goroutines: %w", count, ctx.Err())
		}
		if now := runtime.NumGoroutine(); now == count {
			times++
		} else {
			count, times = now, 0
		}
	}
	return count, nil
}
