package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

const (
	// waitPatience is how long a read model may take to have an event.
	waitPatience = 10 * time.Second

	// waitLook is how often the limit looks whether it has, which is as often as ours does.
	waitLook = 2 * time.Millisecond
)

func waits() []work {
	return []work{{
		name: "waitfor",
		about: "from the beginning of an append to the end of WaitFor, so that a read would see what follows from the event, while " +
			"another store and target run the projection, idle system; limit: INSERT with NOTIFY, a loop that listens, inserts " +
			"the row and moves a checkpoint, and a SELECT of that each 2 ms",
		unit:   "ms",
		target: target{p50: 5 * time.Millisecond, p99: 20 * time.Millisecond},
		ours:   waitForProjection,
		limit:  waitByHand,
	}}
}

// waitForProjection has two stores and two targets that share nothing but the database, as two processes would.
func waitForProjection(ctx context.Context, db *database) (side, error) {
	if err := projectElsewhere(ctx, db); err != nil {
		return nil, err
	}
	store, err := db.openStore(ctx, liveConnections)
	if err != nil {
		return nil, err
	}
	pool, err := db.openPool(ctx, liveConnections)
	if err != nil {
		return nil, err
	}
	target := pgstore.NewTarget(pool, nil)
	events := newEvents(1)
	return latency{probe: func(ctx context.Context) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(ctx, waitPatience)
		defer cancel()
		stream := newStream()
		return timed(func() error {
			result, err := store.Append(ctx, eventstore.Write{Stream: stream, Expected: eventstore.NoStream, Events: events})
			if err != nil {
				return err
			}
			return projection.WaitFor(ctx, target, "items", result.Position)
		}, func() error { return expectItem(ctx, pool, "items", stream.Key) })
	}}, nil
}

// projectElsewhere runs a projection into a new table of items until the database is closed.
func projectElsewhere(ctx context.Context, db *database) error {
	pool, err := db.openPool(ctx, liveConnections)
	if err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, sqlItems); err != nil {
		return err
	}
	store, err := db.openStore(ctx, liveConnections)
	if err != nil {
		return err
	}
	items := projection.New("items", store, pgstore.NewTarget(pool, nil), nil)
	projection.On(items, events, insertItem)
	inBackground(ctx, db, func(ctx context.Context) error { return projection.Run(ctx, items) })
	return nil
}

// waitByHand has three connections of its own for those who insert, project and wait.
func waitByHand(ctx context.Context, db *database) (side, error) {
	projecting, err := db.openProjectionPool(ctx, 1)
	if err != nil {
		return nil, err
	}
	conn, err := db.openListener(ctx)
	if err != nil {
		return nil, err
	}
	inBackground(ctx, db, func(ctx context.Context) error {
		for {
			if _, err := conn.WaitForNotification(ctx); err != nil {
				return err
			}
			if err := projectPages(ctx, projecting, math.MaxInt); err != nil {
				return err
			}
		}
	})
	pool, err := db.openPool(ctx, 2)
	if err != nil {
		return nil, err
	}
	data := newEvent().Data
	return latency{probe: func(ctx context.Context) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(ctx, waitPatience)
		defer cancel()
		var position int64
		return timed(func() (err error) {
			if position, err = insertAndNotify(ctx, pool, data); err != nil {
				return err
			}
			return awaitLimitCheckpoint(ctx, pool, position)
		}, func() error {
			var key string
			err := pool.QueryRow(ctx, `SELECT stream_key FROM limit_events WHERE position = $1`, position).Scan(&key)
			if err != nil {
				return err
			}
			return expectItem(ctx, pool, "limit_items", key)
		})
	}}, nil
}

func awaitLimitCheckpoint(ctx context.Context, pool *pgxpool.Pool, position int64) error {
	ticker := time.NewTicker(waitLook)
	defer ticker.Stop()
	for {
		var reached bool
		err := pool.QueryRow(ctx, `SELECT position >= $1 FROM limit_checkpoint`, position).Scan(&reached)
		if err != nil || reached {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("await position %d: %w", position, ctx.Err())
		}
	}
}

// timed returns how long f takes. Then it checks what f has done.
func timed(f, check func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	took := time.Since(start)
	if err != nil {
		return 0, err
	}
	return took, check()
}

func expectItem(ctx context.Context, pool *pgxpool.Pool, table, key string) error {
	var line int64
	err := pool.QueryRow(ctx, `SELECT line FROM `+table+` WHERE order_id = $1`, key).Scan(&line)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s has no row of order %q, which was waited for", table, key)
	}
	return err
}

// inBackground runs f until the database is closed. That tells why f has ended earlier.
func inBackground(ctx context.Context, db *database, f func(ctx context.Context) error) {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	db.onClose(func(context.Context) error {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
}
