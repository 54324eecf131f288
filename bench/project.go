package main

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

const (
	sqlReadModels = `
		CREATE TABLE items (
			order_id text NOT NULL, line bigint NOT NULL, item_id text NOT NULL, price bigint NOT NULL,
			PRIMARY KEY (order_id, line)
		);
		CREATE TABLE limit_items (LIKE items INCLUDING ALL);
		CREATE TABLE limit_checkpoint (position bigint NOT NULL) WITH (fillfactor = 50);
		INSERT INTO limit_checkpoint VALUES (0)`

	sqlInsertItem      = `INSERT INTO items (order_id, line, item_id, price) VALUES ($1, $2, $3, $4)`
	sqlInsertLimitItem = `INSERT INTO limit_items (order_id, line, item_id, price) VALUES ($1, $2, $3, $4)`

	sqlReadPage = `SELECT ` + limitColumns + ` FROM limit_events WHERE position > $1 ORDER BY position LIMIT 1000`
)

func projections() []work {
	return []work{{
		name: "project-100k",
		about: "a projection inserts a row for each of 100,000 events, exactly once; " +
			"limit: a loop that inserts the rows of 1,000 events and moves a checkpoint in a transaction",
		unit:   "events/s",
		target: target{ratio: 0.8},
		ours:   projectEvents,
		limit:  projectByHand,
	}}
}

// projectEvents makes the read model anew with each call, under a new name.
func projectEvents(ctx context.Context, db *database) (side, error) {
	pool, err := db.openPool(ctx, 1)
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, sqlReadModels); err != nil {
		return nil, err
	}
	store, _, err := db.openFilledStore(ctx, 1)
	if err != nil {
		return nil, err
	}
	target, passes := pgstore.NewTarget(pool, nil), 0
	return throughput{callers: 1, amount: filledEvents, call: func(ctx context.Context) error {
		if err := empty(ctx, pool, "items"); err != nil {
			return err
		}
		passes++
		items := projection.New("items-"+strconv.Itoa(passes), store, target, nil)
		projection.On(items, events, insertItem)
		if err := items.CatchUp(ctx); err != nil {
			return err
		}
		return expectRows(ctx, pool, "items")
	}}, nil
}

func insertItem(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[event]) error {
	item, ok := e.Event.(itemAdded)
	if !ok {
		return nil
	}
	_, err := tx.Exec(ctx, sqlInsertItem, e.Stream.Key, int64(e.Version), item.ItemID, item.Price)
	return err
}

func projectByHand(ctx context.Context, db *database) (side, error) {
	pool, err := db.openFilledPool(ctx, 1)
	if err != nil {
		return nil, err
	}
	return throughput{callers: 1, amount: filledEvents, call: func(ctx context.Context) error {
		if err := empty(ctx, pool, "limit_items"); err != nil {
			return err
		}
		if _, err := pool.Exec(ctx, `UPDATE limit_checkpoint SET position = 0`); err != nil {
			return err
		}
		for more := true; more; {
			err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
				more, err = projectPage(ctx, tx)
				return err
			})
			if err != nil {
				return err
			}
		}
		return expectRows(ctx, pool, "limit_items")
	}}, nil
}

// projectPage says whether there may be another page.
func projectPage(ctx context.Context, tx pgx.Tx) (more bool, err error) {
	var position int64
	if err := tx.QueryRow(ctx, `SELECT position FROM limit_checkpoint FOR UPDATE`).Scan(&position); err != nil {
		return false, err
	}
	found, err := tx.Query(ctx, sqlReadPage, position)
	if err != nil {
		return false, err
	}
	rows, err := pgx.CollectRows(found, scanRow)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	for _, r := range rows {
		var item itemAdded
		if err := json.Unmarshal(r.data, &item); err != nil {
			return false, err
		}
		if _, err := tx.Exec(ctx, sqlInsertLimitItem, r.key, r.version, item.ItemID, item.Price); err != nil {
			return false, err
		}
	}
	_, err = tx.Exec(ctx, `UPDATE limit_checkpoint SET position = $1`, rows[len(rows)-1].position)
	return true, err
}

func empty(ctx context.Context, pool *pgxpool.Pool, table string) error {
	_, err := pool.Exec(ctx, `TRUNCATE `+table)
	return err
}

func expectRows(ctx context.Context, pool *pgxpool.Pool, table string) error {
	var count int
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM `+table).Scan(&count); err != nil {
		return err
	}
	return expectEvents(count, filledEvents)
}
