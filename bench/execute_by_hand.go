package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	sqlLoadToFold = `
		SELECT type, data
		FROM limit_events
		WHERE category = $1 AND stream_key = $2
		ORDER BY version`

	sqlInsertExecuted = `
		INSERT INTO limit_events (position, version, event_id, schema_version, id_given, category, stream_key, type,
			content_type, data)
		VALUES (nextval('limit_events_position'), $1, $2, 1, false, $3, $4, $5, 'application/json', $6)`

	uniqueViolation = "23505"
)

// executeByHand is what one would write with pgx alone for one kind of aggregate.
func executeByHand(callers, connections int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		pool, err := db.openFilledPool(ctx, connections)
		if err != nil {
			return nil, err
		}
		keys, err := streamKeys(ctx, pool)
		if err != nil {
			return nil, err
		}
		command := addItem{newItem()}
		return throughput{callers: callers, amount: 1, call: func(ctx context.Context) error {
			return executeByHandOn(ctx, pool, keys[rand.IntN(len(keys))], command)
		}}, nil
	}
}

func executeByHandOn(ctx context.Context, pool *pgxpool.Pool, key string, command addItem) error {
	for {
		state, version, err := foldByHand(ctx, pool, key)
		if err != nil {
			return err
		}
		decided, err := command.Decide(state)
		if err != nil {
			return err
		}
		data, err := json.Marshal(decided[0])
		if err != nil {
			return err
		}
		_, err = pool.Exec(ctx, sqlInsertExecuted, version+1, newID(), category, key, itemType, data)
		var failed *pgconn.PgError
		if !errors.As(err, &failed) || failed.Code != uniqueViolation {
			return err
		}
		// Another was faster.
	}
}

func foldByHand(ctx context.Context, pool *pgxpool.Pool, key string) (state order, version int64, err error) {
	rows, err := pool.Query(ctx, sqlLoadToFold, category, key)
	if err != nil {
		return order{}, 0, err
	}
	var eventType string
	var data []byte
	_, err = pgx.ForEachRow(rows, []any{&eventType, &data}, func() error {
		var item itemAdded
		if eventType != itemType {
			return fmt.Errorf("unknown type %q", eventType)
		}
		if err := json.Unmarshal(data, &item); err != nil {
			return err
		}
		state = state.Evolve(item)
		version++
		return nil
	})
	return state, version, err
}

func streamKeys(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	rows, err := pool.Query(ctx, `SELECT DISTINCT stream_key FROM limit_events`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
