package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

const (
	sqlItems = `
		CREATE TABLE items (
			order_id text NOT NULL, line bigint NOT NULL, item_id text NOT NULL, price bigint NOT NULL,
			PRIMARY KEY (order_id, line)
		)`

	sqlInsertItem = `INSERT INTO items (order_id, line, item_id, price) VALUES ($1, $2, $3, $4)`
)

// attending is how many connections a projection uses besides those of its partitions, and who waits for it.
const attending = 2

func projections() []work {
	return []work{
		{
			name: "projection-pg",
			about: "a projection of 1 partition that runs inserts a row for each of 100,000 events, exactly once; limit: a loop that " +
				"inserts the rows of 1,000 events, as many as our batches have, and moves a checkpoint in a transaction",
			unit:   "events/s",
			target: target{ratio: 0.8},
			ours:   overFilledStore(projectEvents(1)),
			limit:  projectByHand(filledEvents),
		},
		{
			name:   "projection-pg-4",
			about:  "the same projection with 4 partitions; limit: ours with 1 partition, which is projection-pg",
			unit:   "events/s",
			target: target{ratio: 1.3},
			ours:   overFilledStore(projectEvents(4)),
			limit:  projectEvents(1),
		},
		{
			name: "rebuild",
			about: "a new version of a projection, of 1 partition, handles 1,000,000 events beside the live one and becomes the live " +
				"one, once; limit: the loop of projection-pg over the first 200,000 of them",
			unit:   "events/s",
			target: target{ratio: 0.8},
			ours:   besideManyEvents(rebuiltEvents, rebuild(rebuiltEvents)),
			limit:  projectByHand(rebuiltByHand),
			once:   true,
		},
	}
}

// overFilledStore fills the tables of both sides, and makes them ready to be read, before its own side, the first, is made
// ready.
func overFilledStore(next prepare) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		if _, _, err := db.openFilledStore(ctx, 1); err != nil {
			return nil, err
		}
		pool, err := db.openFilledPool(ctx, 1)
		if err != nil {
			return nil, err
		}
		if _, err := pool.Exec(ctx, sqlItems); err != nil {
			return nil, err
		}
		return next(ctx, db)
	}
}

// projectEvents makes the read model anew with each call, under a new name.
func projectEvents(partitions int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		pool, err := db.openPool(ctx, partitions+attending)
		if err != nil {
			return nil, err
		}
		store, err := db.openStore(ctx, partitions)
		if err != nil {
			return nil, err
		}
		target, passes := pgstore.NewTarget(pool, nil), 0
		return throughput{callers: 1, amount: filledEvents, call: func(ctx context.Context) error {
			if err := empty(ctx, pool, "items"); err != nil {
				return err
			}
			passes++
			name := "items-" + strconv.Itoa(partitions) + "-" + strconv.Itoa(passes)
			items := projection.New(name, store, target, &projection.Options{Partitions: partitions})
			projection.On(items, events, insertItem)
			err := runUntil(ctx, func(ctx context.Context) error {
				head, err := store.Head(ctx)
				if err != nil {
					return err
				}
				return projection.WaitFor(ctx, target, name, head)
			}, items)
			if err != nil {
				return err
			}
			return expectRows(ctx, pool, "items", filledEvents)
		}}, nil
	}
}

// runUntil runs projections until another function returns. When they cannot go on, its context ends.
func runUntil(
	ctx context.Context, until func(ctx context.Context) error, projections ...projection.Runner,
) error {
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		defer stop()
		ended <- projection.Run(running, projections...)
	}()
	err := until(running)
	stop()
	return errors.Join(<-ended, err)
}

func insertItem(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[event]) error {
	item, ok := e.Event.(itemAdded)
	if !ok {
		return nil
	}
	_, err := tx.Exec(ctx, sqlInsertItem, e.Stream.Key, int64(e.Version), item.ItemID, item.Price)
	return err
}

func empty(ctx context.Context, pool *pgxpool.Pool, table string) error {
	_, err := pool.Exec(ctx, `TRUNCATE `+table)
	return err
}

func expectRows(ctx context.Context, pool *pgxpool.Pool, table string, events int) error {
	var count int
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM `+table).Scan(&count); err != nil {
		return err
	}
	return expectEvents(count, events)
}
