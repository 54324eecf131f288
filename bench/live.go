package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// A pause between two probes lasts between these, at random lest it beat in time with something of the store's. It is
// longer than the store's least time between two notifications.
const (
	minPause = 10 * time.Millisecond
	maxPause = 20 * time.Millisecond
)

// liveConnections are enough for an append, a notification and a look at the same time.
const liveConnections = 4

func live() []work {
	const limit = "limit: INSERT with NOTIFY in its transaction, LISTEN, and a SELECT of what is new"
	return []work{
		{
			name:   "live",
			about:  "from the acknowledgement of an append to a subscription of the same store, idle system; " + limit,
			unit:   "ms",
			target: target{p50: time.Millisecond, p99: 5 * time.Millisecond},
			ours:   subscribeHere,
			limit:  listen,
		},
		{
			name:   "live-other-process",
			about:  "the same to a subscription of another store, which is told by NOTIFY alone; " + limit,
			unit:   "ms",
			target: target{p50: 3 * time.Millisecond, p99: 10 * time.Millisecond},
			ours:   subscribeElsewhere,
			limit:  listen,
		},
	}
}

func subscribeHere(ctx context.Context, db *database) (side, error) {
	store, err := db.openStore(ctx, liveConnections)
	if err != nil {
		return nil, err
	}
	return appendAndAwait(ctx, db, store, store), nil
}

// subscribeElsewhere has two stores that share nothing but the database, as two processes would.
func subscribeElsewhere(ctx context.Context, db *database) (side, error) {
	store, err := db.openStore(ctx, liveConnections)
	if err != nil {
		return nil, err
	}
	other, err := db.openStore(ctx, liveConnections)
	if err != nil {
		return nil, err
	}
	return appendAndAwait(ctx, db, store, other), nil
}

// appendAndAwait appends to one store and awaits the event in a subscription of another.
func appendAndAwait(ctx context.Context, db *database, store, subscribed *pgstore.Store) side {
	arrivals := receive(ctx, db, func(ctx context.Context, arrived func(position int64)) error {
		for event, err := range eventstore.Flatten(subscribed.Subscribe(ctx, 0, eventstore.Filter{})) {
			if err != nil {
				return err
			}
			arrived(int64(event.Position))
		}
		return nil
	})
	events := newEvents(1)
	return latency{probe: func(ctx context.Context) (time.Duration, error) {
		result, err := store.Append(ctx, eventstore.Write{
			Stream: newStream(), Expected: eventstore.NoStream, Events: events,
		})
		if err != nil {
			return 0, err
		}
		return arrivals.await(ctx, int64(result.Position), time.Now())
	}}
}

// listen inserts on one connection and listens on another.
func listen(ctx context.Context, db *database) (side, error) {
	pool, err := db.openPool(ctx, 1)
	if err != nil {
		return nil, err
	}
	conn, err := db.openListener(ctx)
	if err != nil {
		return nil, err
	}
	arrivals := receive(ctx, db, func(ctx context.Context, arrived func(position int64)) error {
		return followNotifications(ctx, conn, arrived)
	})
	data := newEvent().Data
	return latency{probe: func(ctx context.Context) (time.Duration, error) {
		position, err := insertAndNotify(ctx, pool, data)
		if err != nil {
			return 0, err
		}
		return arrivals.await(ctx, position, time.Now())
	}}, nil
}

// openListener opens a connection that gets the notifications of insertAndNotify.
func (db *database) openListener(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, db.url)
	if err != nil {
		return nil, err
	}
	db.onClose(conn.Close)
	_, err = conn.Exec(ctx, `LISTEN limit_events`)
	return conn, err
}

// insertAndNotify is an insertRow that tells those who listen.
func insertAndNotify(ctx context.Context, pool *pgxpool.Pool, data []byte) (position int64, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		if position, err = insertRow(ctx, tx, data); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `SELECT pg_notify('limit_events', '')`)
		return err
	})
	return position, err
}

// followNotifications reads what is new at each notification.
func followNotifications(ctx context.Context, conn *pgx.Conn, arrived func(position int64)) error {
	for position := int64(0); ; {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
		found, err := conn.Query(ctx, sqlReadPage, position)
		if err != nil {
			return err
		}
		rows, err := pgx.CollectRows(found, scanRow)
		if err != nil {
			return err
		}
		for _, r := range rows {
			position = r.position
			arrived(position)
		}
	}
}

// arrivals are the times at which a receiver got events.
type arrivals struct {
	next chan arrival // closed when the receiver has ended
	err  error        // why; read only then
}

type arrival struct {
	position int64
	at       time.Time
}

// receive runs a receiver until the database is closed.
func receive(
	ctx context.Context, db *database, receiver func(ctx context.Context, arrived func(position int64)) error,
) *arrivals {
	ctx, stop := context.WithCancel(ctx)
	arrivals := &arrivals{next: make(chan arrival, 1)}
	go func() {
		defer close(arrivals.next)
		arrivals.err = receiver(ctx, func(position int64) {
			select {
			case arrivals.next <- arrival{position, time.Now()}:
			case <-ctx.Done():
			}
		})
	}()
	db.onClose(func(context.Context) error {
		stop()
		for range arrivals.next { // until the receiver has ended
		}
		return nil
	})
	return arrivals
}

// await returns how long after its acknowledgement an event arrived: 0 when it arrived before.
func (a *arrivals) await(ctx context.Context, position int64, acknowledged time.Time) (time.Duration, error) {
	select {
	case next, open := <-a.next:
		switch {
		case !open:
			return 0, fmt.Errorf("the receiver has ended: %w", a.err)
		case next.position != position:
			return 0, fmt.Errorf("the event at position %d arrived, want that at %d", next.position, position)
		}
		return max(0, next.at.Sub(acknowledged)), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// pause lets the system become idle.
func pause(ctx context.Context) error {
	timer := time.NewTimer(minPause + rand.N(maxPause-minPause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
