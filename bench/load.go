package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const sqlLoadStream = `
	SELECT ` + limitColumns + `
	FROM limit_events
	WHERE category = $1 AND stream_key = $2
	ORDER BY version`

func loads() []work {
	return []work{
		{
			name:   "load-100",
			about:  "1 caller loads one of 1,000 streams of 100 events a call; limit: a SELECT of the same columns",
			unit:   "streams/s",
			target: target{ratio: 0.95},
			ours:   loadStreams(1),
			limit:  selectStreams(1),
		},
		{
			name:   "load-100x8",
			about:  "8 callers load one of 1,000 streams of 100 events a call; limit: a SELECT of the same columns",
			unit:   "streams/s",
			target: target{ratio: 0.95},
			ours:   loadStreams(8),
			limit:  selectStreams(8),
		},
	}
}

func loadStreams(callers int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		store, streams, err := db.openFilledStore(ctx, callers)
		if err != nil {
			return nil, err
		}
		return throughput{callers: callers, amount: 1, call: func(ctx context.Context) error {
			return load(ctx, store, streams[rand.IntN(len(streams))])
		}}, nil
	}
}

// load reads a stream of streamEvents events.
func load(ctx context.Context, store eventstore.Store, stream eventstore.StreamID) error {
	count := 0
	for event, err := range store.ReadStream(ctx, stream, eventstore.ReadOptions{}) {
		if err != nil {
			return err
		}
		if len(event.Data) == eventBytes {
			count++
		}
	}
	return expectEvents(count, streamEvents)
}

func selectStreams(callers int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		pool, err := db.openFilledPool(ctx, callers)
		if err != nil {
			return nil, err
		}
		streams, err := streamKeys(ctx, pool)
		if err != nil {
			return nil, err
		}
		return throughput{callers: callers, amount: 1, call: func(ctx context.Context) error {
			found, err := pool.Query(ctx, sqlLoadStream, category, streams[rand.IntN(len(streams))])
			if err != nil {
				return err
			}
			rows, err := pgx.CollectRows(found, scanRow)
			if err != nil {
				return err
			}
			return expectEvents(len(rows), streamEvents)
		}}, nil
	}
}

// expectEvents keeps a side from being fast because it does not do its work.
func expectEvents(got, want int) error {
	if got != want {
		return fmt.Errorf("got %d events, want %d", got, want)
	}
	return nil
}
