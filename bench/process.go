package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/processmanager"
)

const (
	// processedInstances are started by each call that measures how many can be.
	processedInstances = 1_000
	// processConnections are those of the store and of the agenda each.
	processConnections = 8
	// instancesAtOnce are started by hand at the same time.
	instancesAtOnce = 16
	// openInstances are under way beside the one that is measured.
	openInstances = 10_000
	// dispatchPatience is how long a command may take to be dispatched.
	dispatchPatience = time.Minute
)

func processes() []work {
	const limit = "limit: INSERT with NOTIFY, a loop that listens, and for each event a row of its instance with the " +
		"command in one transaction, the dispatch, and the row's UPDATE"
	return []work{
		{
			name: "process",
			about: "events that each start an instance of a process, which sends a command, until it was dispatched and " +
				"that recorded; limit: the same rows and commits by hand, 16 instances at a time",
			unit:   "instances/s",
			target: target{ratio: 0.4},
			ours:   startInstances,
			limit:  startInstancesByHand,
		},
		{
			name:   "process-idle",
			about:  "from the beginning of an append to the dispatch of the command that answers it, idle system; " + limit,
			unit:   "ms",
			target: target{p50: 5 * time.Millisecond, p99: 20 * time.Millisecond},
			ours:   dispatchOne(0),
			limit:  dispatchByHand,
		},
		{
			name:   "process-idle-10k",
			about:  "the same beside 10,000 instances that are under way; " + limit,
			unit:   "ms",
			target: target{p50: 5 * time.Millisecond, p99: 20 * time.Millisecond},
			ours:   dispatchOne(openInstances),
			limit:  dispatchByHand,
		},
	}
}

// The process that is measured answers an event with a command.

type fulfill struct {
	Price int64 `json:"price"`
}

var requests = eventstore.JSON("fulfillment", map[string]fulfill{"fulfillment.fulfill": {}})

type fulfilling struct{ Items int }

type fulfillCommand = processmanager.Command[fulfill]

// runProcess runs the process until the database is closed. It calls dispatched for each of its commands.
func runProcess(ctx context.Context, db *database, dispatched func()) (*pgstore.Store, error) {
	store, err := db.openStore(ctx, processConnections)
	if err != nil {
		return nil, err
	}
	pool, err := db.openPool(ctx, processConnections)
	if err != nil {
		return nil, err
	}
	m := processmanager.New[fulfilling]("fulfillment", store, pgstore.NewTarget(pool, nil), requests,
		func(context.Context, fulfillCommand) error {
			dispatched()
			return nil
		}, nil)
	processmanager.On(m, events,
		func(e eventstore.Envelope[event]) processmanager.Route { return processmanager.Start(e.Stream.Key) },
		func(s fulfilling, e eventstore.Envelope[event]) (fulfilling, processmanager.Effects[fulfill]) {
			s.Items++
			return s, processmanager.Effects[fulfill]{Send: []fulfill{{Price: e.Event.(itemAdded).Price}}}
		})
	inBackground(ctx, db, func(ctx context.Context) error { return processmanager.Run(ctx, m) })
	return store, nil
}

// countdown counts down to zero, again and again.
type countdown struct {
	left atomic.Int64
	zero chan struct{}
}

func newCountdown() *countdown { return &countdown{zero: make(chan struct{}, 1)} }

func (c *countdown) begin(n int) { c.left.Store(int64(n)) }

func (c *countdown) done() {
	if c.left.Add(-1) == 0 {
		c.zero <- struct{}{}
	}
}

func (c *countdown) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dispatchPatience)
	defer cancel()
	select {
	case <-c.zero:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d commands were not dispatched: %w", c.left.Load(), ctx.Err())
	}
}

func startInstances(ctx context.Context, db *database) (side, error) {
	dispatched := newCountdown()
	store, err := runProcess(ctx, db, dispatched.done)
	if err != nil {
		return nil, err
	}
	return throughput{callers: 1, amount: processedInstances, call: func(ctx context.Context) error {
		dispatched.begin(processedInstances)
		if err := appendToNewStreams(ctx, store, category, processedInstances); err != nil {
			return err
		}
		return dispatched.await(ctx)
	}}, nil
}

func appendToNewStreams(ctx context.Context, store *pgstore.Store, category string, count int) error {
	writes := make([]eventstore.Write, count)
	for i, stream := range newStreams(count) {
		stream.Category = category
		writes[i] = eventstore.Write{Stream: stream, Expected: eventstore.NoStream, Events: newEvents(1)}
	}
	_, err := store.Append(ctx, writes...)
	return err
}

// dispatchOne measures beside so many instances that are under way.
func dispatchOne(open int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		dispatched := newCountdown()
		store, err := runProcess(ctx, db, dispatched.done)
		if err != nil {
			return nil, err
		}
		if err := openBefore(ctx, db, store, dispatched, open); err != nil {
			return nil, err
		}
		return latency{probe: func(ctx context.Context) (time.Duration, error) {
			dispatched.begin(1)
			return timed(func() error {
				if err := appendToNewStreams(ctx, store, category, 1); err != nil {
					return err
				}
				return dispatched.await(ctx)
			}, func() error { return nil })
		}}, nil
	}
}

// openBefore starts so many instances, and lets the server come to rest.
func openBefore(ctx context.Context, db *database, store *pgstore.Store, dispatched *countdown, open int) error {
	for ; open > 0; open -= processedInstances {
		dispatched.begin(processedInstances)
		if err := appendToNewStreams(ctx, store, category, processedInstances); err != nil {
			return err
		}
		if err := dispatched.await(ctx); err != nil {
			return err
		}
	}
	pool, err := db.openPool(ctx, 1)
	if err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, `VACUUM ANALYZE pasttense.events, pasttense.instances`); err != nil {
		return err
	}
	_, err = pool.Exec(ctx, `CHECKPOINT`)
	return err
}

const (
	sqlLimitInstances = `
		CREATE TABLE limit_instances (
			key text PRIMARY KEY, position bigint NOT NULL, state json NOT NULL, command json NOT NULL, done boolean NOT NULL
		);
		CREATE INDEX ON limit_instances (position) WHERE NOT done;
		CREATE TABLE limit_process (position bigint NOT NULL);
		INSERT INTO limit_process VALUES (0)`

	sqlStartInstance = `INSERT INTO limit_instances VALUES ($1, $2, '{"Items": 1}', '{"price": 1299}', false)`

	sqlInstanceDone = `UPDATE limit_instances SET done = true WHERE key = $1`

	sqlMoveProcess = `UPDATE limit_process SET position = $1`

	sqlNewEvents = `SELECT position, stream_key FROM limit_events WHERE position > $1 ORDER BY position LIMIT 1000`
)

// byHand is a process as one would write it for this one case.
type byHand struct {
	pool       *pgxpool.Pool
	position   int64
	dispatched func()
}

// follow handles what is new at each notification.
func (p *byHand) follow(ctx context.Context, conn *pgx.Conn) error {
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
		if err := p.handle(ctx); err != nil {
			return err
		}
	}
}

type startedRow struct {
	Position  int64
	StreamKey string
}

func (p *byHand) handle(ctx context.Context) error {
	found, err := p.pool.Query(ctx, sqlNewEvents, p.position)
	if err != nil {
		return err
	}
	started, err := pgx.CollectRows(found, pgx.RowToStructByPos[startedRow])
	if err != nil || len(started) == 0 {
		return err
	}
	var starting errgroup.Group
	starting.SetLimit(instancesAtOnce)
	for _, row := range started {
		starting.Go(func() error { return p.start(ctx, row) })
	}
	if err := starting.Wait(); err != nil {
		return err
	}
	p.position = started[len(started)-1].Position
	_, err = p.pool.Exec(ctx, sqlMoveProcess, p.position)
	return err
}

func (p *byHand) start(ctx context.Context, row startedRow) error {
	if _, err := p.pool.Exec(ctx, sqlStartInstance, row.StreamKey, row.Position); err != nil {
		return err
	}
	p.dispatched()
	_, err := p.pool.Exec(ctx, sqlInstanceDone, row.StreamKey)
	return err
}

// followByHand runs a process by hand until the database is closed.
func followByHand(ctx context.Context, db *database, dispatched func()) (*pgxpool.Pool, error) {
	pool, err := db.openPool(ctx, 2*processConnections)
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, sqlLimitInstances); err != nil {
		return nil, err
	}
	conn, err := db.openListener(ctx)
	if err != nil {
		return nil, err
	}
	p := &byHand{pool: pool, dispatched: dispatched}
	inBackground(ctx, db, func(ctx context.Context) error { return p.follow(ctx, conn) })
	return pool, nil
}

func startInstancesByHand(ctx context.Context, db *database) (side, error) {
	dispatched := newCountdown()
	pool, err := followByHand(ctx, db, dispatched.done)
	if err != nil {
		return nil, err
	}
	data := newEvent().Data
	return throughput{callers: 1, amount: processedInstances, call: func(ctx context.Context) error {
		dispatched.begin(processedInstances)
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			for range processedInstances {
				if _, err := insertRow(ctx, tx, data); err != nil {
					return err
				}
			}
			_, err := tx.Exec(ctx, `SELECT pg_notify('limit_events', '')`)
			return err
		})
		if err != nil {
			return err
		}
		return dispatched.await(ctx)
	}}, nil
}

func dispatchByHand(ctx context.Context, db *database) (side, error) {
	dispatched := newCountdown()
	pool, err := followByHand(ctx, db, dispatched.done)
	if err != nil {
		return nil, err
	}
	data := newEvent().Data
	return latency{probe: func(ctx context.Context) (time.Duration, error) {
		dispatched.begin(1)
		return timed(func() error {
			if _, err := insertAndNotify(ctx, pool, data); err != nil {
				return err
			}
			return dispatched.await(ctx)
		}, func() error { return nil })
	}}, nil
}
