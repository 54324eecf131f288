package main

import (
	"context"
	"fmt"
	"runtime/metrics"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

const (
	rebuiltEvents = 1_000_000
	rebuiltByHand = 200_000

	// rebuiltName is what the schema of the live read model is called, too.
	rebuiltName = "rebuilt"

	// rebuiltMemory is what the reachable objects of the process may take during a rebuild.
	rebuiltMemory = 64 << 20
)

// rebuild fills a new version with each call, from the first of so many events on.
func rebuild(events int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		pool, err := db.openPool(ctx, 2+attending)
		if err != nil {
			return nil, err
		}
		store, err := db.openStore(ctx, 2)
		if err != nil {
			return nil, err
		}
		r := &rebuilds{store: store, target: pgstore.NewTarget(pool, nil), pool: pool, events: events, progress: db.progress}
		// The first version has nothing to do for its events: it is made quickly, and is only to be there.
		r.live = r.next(func(context.Context, pgx.Tx, eventstore.Envelope[event]) error { return nil })
		if err := r.live.CatchUp(ctx); err != nil {
			return nil, err
		}
		return throughput{callers: 1, amount: events, call: r.call}, nil
	}
}

// rebuilds replace one version of a projection by the next.
type rebuilds struct {
	store    *pgstore.Store
	target   *pgstore.Target
	pool     *pgxpool.Pool
	events   int
	progress log

	versions int
	live     *projection.Projection[pgx.Tx]
}

func (r *rebuilds) next(
	handle func(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[event]) error,
) *projection.Projection[pgx.Tx] {
	r.versions++
	p := projection.New(rebuiltName, r.store, r.target, nil)
	p.Versioned(r.versions, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sqlItems)
		return err
	})
	projection.On(p, events, handle)
	return p
}

// call runs the live version and the new one until the new one is the live one.
func (r *rebuilds) call(ctx context.Context) error {
	next := r.next(insertItem)
	most, err := mostHeap(func() error {
		return runUntil(ctx, func(ctx context.Context) error { return r.awaitLive(ctx, next.ID()) }, r.live, next)
	})
	if err != nil {
		return err
	}
	r.live = next
	r.progress.printf("  rebuild of %s events: heap of at most %s MB", number(float64(r.events)), megabytes(most))
	if most > rebuiltMemory {
		return fmt.Errorf("the heap was %s MB during a rebuild, the limit is %s MB", megabytes(most), megabytes(rebuiltMemory))
	}
	return expectRows(ctx, r.pool, rebuiltName+".items", r.events)
}

func (r *rebuilds) awaitLive(ctx context.Context, id eventstore.ConsumerID) error {
	_, err := r.target.Await(ctx, id, 100*time.Millisecond, func(all []eventstore.Checkpoint) bool {
		return len(all) > 0 && all[0].Live
	})
	return err
}

// mostHeap returns the most bytes that objects took which a garbage collection found reachable while f ran.
func mostHeap(f func() error) (most int64, err error) {
	const interval = 50 * time.Millisecond
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for more := true; more; {
			select {
			case <-ticker.C:
			case <-stop:
				more = false
			}
			most = max(most, reachableHeap())
		}
	}()
	err = f()
	close(stop)
	<-stopped
	return most, err
}

// reachableHeap returns what the last garbage collection found reachable.
func reachableHeap() int64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return int64(live[0].Value.Uint64())
}
