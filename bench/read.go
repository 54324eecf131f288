package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
)

const sqlReadAll = `SELECT ` + limitColumns + ` FROM limit_events ORDER BY position`

func reads() []work {
	return []work{{
		name:   "read-all",
		about:  "1 caller reads all 100,000 events; limit: one SELECT of the same columns, scanned row by row",
		unit:   "events/s",
		target: target{ratio: 0.9},
		ours:   readAll,
		limit:  selectAll,
	}}
}

func readAll(ctx context.Context, db *database) (side, error) {
	store, _, err := db.openFilledStore(ctx, 1)
	if err != nil {
		return nil, err
	}
	return throughput{callers: 1, amount: filledEvents, call: func(ctx context.Context) error {
		count := 0
		for event, err := range store.ReadAll(ctx, 0, eventstore.Filter{}) {
			if err != nil {
				return err
			}
			if len(event.Data) == eventBytes {
				count++
			}
		}
		return expectEvents(count, filledEvents)
	}}, nil
}

func selectAll(ctx context.Context, db *database) (side, error) {
	pool, err := db.openFilledPool(ctx, 1)
	if err != nil {
		return nil, err
	}
	return throughput{callers: 1, amount: filledEvents, call: func(ctx context.Context) error {
		return scanAll(ctx, pool)
	}}, nil
}

func scanAll(ctx context.Context, pool *pgxpool.Pool) error {
	rows, err := pool.Query(ctx, sqlReadAll)
	if err != nil {
		return err
	}
	defer rows.Close()
	count := 0
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return err
		}
		if len(r.data) == eventBytes {
			count++
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return expectEvents(count, filledEvents)
}
