package main

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// importedStreamEvents is how many events each stream of an import has.
const importedStreamEvents = 10

func imports() []work {
	return []work{
		{
			name: "import",
			about: "one import of streams of 10 events; " +
				"limit: one COPY of the same rows by pgx's CopyFrom, in one transaction",
			unit:   "events/s",
			target: target{ratio: 0.6},
			ours:   importStreams,
			limit:  copyStreams,
		},
		{
			name: "import-live",
			about: "from the acknowledgement of an append to a subscription of the same store, while an import runs; " +
				"limit: INSERT with NOTIFY in its transaction, LISTEN, and a SELECT of what is new, idle system",
			unit:   "ms",
			target: target{p50: 100 * time.Millisecond, p99: 250 * time.Millisecond},
			ours:   subscribeDuringImport,
			limit:  listen,
		},
	}
}

// lasting is a side that is called once in a round, works for d and tells how much it did.
type lasting func(ctx context.Context, d time.Duration) (amount int, err error)

func (l lasting) measure(ctx context.Context, d time.Duration) (sample, error) {
	start := time.Now()
	amount, err := l(ctx, d)
	return sample{amount: amount, elapsed: time.Since(start)}, err
}

func importStreams(ctx context.Context, db *database) (side, error) {
	store, err := db.openStore(ctx, 1)
	if err != nil {
		return nil, err
	}
	return lasting(func(ctx context.Context, d time.Duration) (int, error) {
		result, err := store.Import(ctx, history(category, d), nil)
		return int(result.Events), err
	}), nil
}

// history yields streams of a category for d.
func history(category string, d time.Duration) iter.Seq2[pgstore.ImportWrite, error] {
	events := newEvents(importedStreamEvents)
	start := time.Now()
	return func(yield func(pgstore.ImportWrite, error) bool) {
		for time.Since(start) < d {
			write := eventstore.Write{Stream: eventstore.StreamID{Category: category, Key: uuid.NewString()}, Expected: eventstore.NoStream, Events: events}
			if !yield(pgstore.ImportWrite{Write: write, RecordedAt: start}, nil) {
				return
			}
		}
	}
}

// copyStreams gives pgx what it takes to encode each value without reflection.
func copyStreams(ctx context.Context, db *database) (side, error) {
	pool, err := db.openPool(ctx, 1)
	if err != nil {
		return nil, err
	}
	columns := []string{
		"position", "version", "recorded_at", "event_id", "schema_version", "id_given", "category", "stream_key", "type",
		"content_type", "data",
	}
	data := newEvent().Data
	var position int64
	return lasting(func(ctx context.Context, d time.Duration) (int, error) {
		start := time.Now()
		var key string
		i := 0
		values := make([]any, len(columns))
		copied, err := pool.CopyFrom(ctx, pgx.Identifier{"limit_events"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
			if i%importedStreamEvents == 0 {
				if time.Since(start) >= d {
					return nil, nil
				}
				key = uuid.NewString()
			}
			position++
			values = append(values[:0], position, int64(i%importedStreamEvents+1), start, newID(), int16(1), false, category,
				key, itemType, "application/json", data)
			i++
			return values, nil
		}))
		return int(copied), err
	}), nil
}

// importedCategory is that of the events of an import that goes on beside what is measured.
const importedCategory = "archive"

// subscribeDuringImport has another store import while it appends and awaits the events.
func subscribeDuringImport(ctx context.Context, db *database) (side, error) {
	store, err := db.openStore(ctx, liveConnections)
	if err != nil {
		return nil, err
	}
	importer, err := db.openStore(ctx, 1)
	if err != nil {
		return nil, err
	}
	arrivals := receive(ctx, db, func(ctx context.Context, arrived func(position int64)) error {
		filter := eventstore.Filter{Categories: []string{category}}
		for event, err := range eventstore.Flatten(store.Subscribe(ctx, 0, filter)) {
			if err != nil {
				return err
			}
			arrived(int64(event.Position))
		}
		return nil
	})
	events := newEvents(1)
	probes := latency{probe: func(ctx context.Context) (time.Duration, error) {
		result, err := store.Append(ctx, eventstore.Write{
			Stream: newStream(), Expected: eventstore.NoStream, Events: events,
		})
		if err != nil {
			return 0, err
		}
		return arrivals.await(ctx, int64(result.Position), time.Now())
	}}
	return duringImport{importer: importer, probes: probes}, nil
}

// duringImport measures the probes while an import runs.
type duringImport struct {
	importer *pgstore.Store
	probes   side
}

func (d duringImport) measure(ctx context.Context, duration time.Duration) (sample, error) {
	importing, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _, _ = d.importer.Import(importing, history(importedCategory, time.Hour), nil) })
	defer running.Wait()
	defer stop()
	return d.probes.measure(ctx, duration)
}
