package main

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	sqlLimitItems = `
		CREATE TABLE limit_items (
			order_id text NOT NULL, line bigint NOT NULL, item_id text NOT NULL, price bigint NOT NULL,
			PRIMARY KEY (order_id, line)
		);
		CREATE TABLE limit_checkpoint (position bigint NOT NULL) WITH (fillfactor = 50);
		INSERT INTO limit_checkpoint VALUES (0)`

	sqlInsertLimitItem = `INSERT INTO limit_items (order_id, line, item_id, price) VALUES ($1, $2, $3, $4)`

	// sqlReadPage reads as many events as the batches of a subscription that is behind have, and a transaction of a
	// projection.
	sqlReadPage = `SELECT ` + limitColumns + ` FROM limit_events WHERE position > $1 ORDER BY position LIMIT 1000`
)

// openProjectionPool opens a pool like openPool and makes what the limit of a projection needs.
func (db *database) openProjectionPool(ctx context.Context, connections int) (*pgxpool.Pool, error) {
	pool, err := db.openPool(ctx, connections)
	if err != nil {
		return nil, err
	}
	_, err = pool.Exec(ctx, sqlLimitItems)
	return pool, err
}

// projectByHand projects so many events with each call, a multiple of those of a page.
func projectByHand(events int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		pool, err := db.openProjectionPool(ctx, 1)
		if err != nil {
			return nil, err
		}
		return throughput{callers: 1, amount: events, call: func(ctx context.Context) error {
			if err := empty(ctx, pool, "limit_items"); err != nil {
				return err
			}
			if _, err := pool.Exec(ctx, `UPDATE limit_checkpoint SET position = 0`); err != nil {
				return err
			}
			if err := projectPages(ctx, pool, events); err != nil {
				return err
			}
			return expectRows(ctx, pool, "limit_items", events)
		}}, nil
	}
}

// projectPages returns when there is no other page, or so many events were projected.
func projectPages(ctx context.Context, pool *pgxpool.Pool, events int) error {
	for done := 0; done < events; {
		var count int
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
			count, err = projectPage(ctx, tx)
			return err
		})
		if err != nil || count == 0 {
			return err
		}
		done += count
	}
	return nil
}

// projectPage returns how many events there were.
func projectPage(ctx context.Context, tx pgx.Tx) (count int, err error) {
	var position int64
	if err := tx.QueryRow(ctx, `SELECT position FROM limit_checkpoint FOR UPDATE`).Scan(&position); err != nil {
		return 0, err
	}
	found, err := tx.Query(ctx, sqlReadPage, position)
	if err != nil {
		return 0, err
	}
	rows, err := pgx.CollectRows(found, scanRow)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	for _, r := range rows {
		var item itemAdded
		if err := json.Unmarshal(r.data, &item); err != nil {
			return 0, err
		}
		if _, err := tx.Exec(ctx, sqlInsertLimitItem, r.key, r.version, item.ItemID, item.Price); err != nil {
			return 0, err
		}
	}
	_, err = tx.Exec(ctx, `UPDATE limit_checkpoint SET position = $1`, rows[len(rows)-1].position)
	return len(rows), err
}
