package main

import (
	"context"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// batchesInFlight is what a coalescer is fastest with on two cores.
const batchesInFlight = 2

// insertCoalesced begins a stream with each row. The rows of all callers go through a coalescer.
func insertCoalesced(callers int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		pool, err := db.openPool(ctx, batchesInFlight)
		if err != nil {
			return nil, err
		}
		rows := &coalescer{pool: pool, callers: callers}
		data := string(newEvent().Data)
		return throughput{callers: callers, amount: 1, call: func(ctx context.Context) error {
			return rows.insert(ctx, uuid.NewString(), data)
		}}, nil
	}
}

// coalescer inserts the rows of many callers with few statements: those that come while the pool's connections are busy
// go together when one is free. It checks nothing, and a row that fails takes its neighbors with it.
type coalescer struct {
	pool    *pgxpool.Pool
	callers int

	mu   sync.Mutex
	next *rowBatch // waits for a connection; nil when nobody has begun it
}

type rowBatch struct {
	rows *columns
	done chan struct{} // closed when the rows are committed, or when err says why not
	err  error
}

// insert returns when the row is committed. The caller whose row is the first of a batch sends it.
func (c *coalescer) insert(ctx context.Context, key, data string) error {
	batch, first := c.join(key, data)
	if first {
		batch.err = c.send(ctx, batch)
		close(batch.done)
	}
	<-batch.done
	return batch.err
}

func (c *coalescer) join(key, data string) (batch *rowBatch, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first = c.next == nil
	if first {
		c.next = &rowBatch{rows: newColumns(c.callers), done: make(chan struct{})}
	}
	c.next.rows.add(key, 1, data)
	return c.next, first
}

// send waits for a connection, and from then on nobody joins the batch.
func (c *coalescer) send(ctx context.Context, batch *rowBatch) error {
	conn, err := c.pool.Acquire(ctx)
	c.mu.Lock()
	c.next = nil
	c.mu.Unlock()
	if err != nil {
		return err
	}
	defer conn.Release()
	return batch.rows.insert(ctx, conn)
}
