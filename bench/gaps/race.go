package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// sqlAddTransaction gives each event the ID of its transaction, which the reader by xmin needs.
const sqlAddTransaction = `
	ALTER TABLE pasttense.events ADD COLUMN transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id();
	CREATE INDEX ON pasttense.events (transaction_id, position)`

const (
	streams   = 1000
	meanPause = 5 * time.Millisecond // of an appender between appends
	longest   = 20 * time.Millisecond
)

// race is a log that is written and followed at the same time.
type race struct {
	settings
	pool    *pgxpool.Pool
	other   string // URL of another database of the server
	store   *pgstore.Store
	readers []*reader
	opened  time.Time // when the unrelated transaction was
	closed  time.Time
}

func newRace(ctx context.Context, server *throwaway.Server, s settings) (*race, error) {
	url, err := server.CreateStore(ctx, "gaps")
	if err != nil {
		return nil, err
	}
	r := &race{settings: s, other: server.URL()}
	if r.pool, err = pgxpool.New(ctx, throwaway.WithPool(url, s.appenders+2)); err != nil {
		return nil, err
	}
	if _, err := r.pool.Exec(ctx, sqlAddTransaction); err != nil {
		return nil, errors.Join(err, r.close())
	}
	quiet := &pgstore.Options{Logger: slog.New(slog.DiscardHandler)}
	if r.store, err = pgstore.Open(ctx, throwaway.WithPool(url, 8), quiet); err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.readers = []*reader{
		newReader("position > n", byPosition{r.pool}.follow),
		newReader("xmin", byXmin{r.pool}.follow),
		newReader("Past Tense", byStore{r.store}.follow),
	}
	return r, nil
}

// run returns when all has been written, and each reader has shown what it is going to show.
func (r *race) run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	written := make(chan struct{})
	var readers, appenders sync.WaitGroup
	for _, reader := range r.readers {
		readers.Go(func() {
			if err := reader.run(ctx, written); err != nil {
				fail(fmt.Errorf("reader %q: %w", reader.name, err))
			}
		})
	}
	end := time.Now().Add(r.duration)
	for range r.appenders {
		appenders.Go(func() {
			if err := r.write(ctx, end); err != nil {
				fail(fmt.Errorf("appender: %w", err))
			}
		})
	}
	appenders.Go(func() {
		if err := r.openUnrelated(ctx); err != nil {
			fail(fmt.Errorf("unrelated transaction: %w", err))
		}
	})
	appenders.Wait()
	close(written)
	readers.Wait()
	return context.Cause(ctx)
}

// write appends until the end: half of the time in a transaction that pauses before its commit, or rolls back.
func (r *race) write(ctx context.Context, end time.Time) error {
	for time.Now().Before(end) {
		write := eventstore.Write{
			Stream:   eventstore.StreamID{Category: "order", Key: strconv.Itoa(rand.IntN(streams))},
			Expected: eventstore.AnyVersion,
			Events:   make([]eventstore.EventData, 1+rand.IntN(3)),
		}
		for i := range write.Events {
			write.Events[i] = eventstore.EventData{Type: "order.item-added", Data: []byte(`{"name":"Socks"}`)}
		}
		var err error
		if rand.IntN(2) == 0 {
			_, err = r.store.Append(ctx, write)
		} else {
			err = r.writeInTransaction(ctx, write)
		}
		var conflict *eventstore.ConflictError
		if err != nil && !errors.As(err, &conflict) {
			return err
		}
		pause(ctx, time.Duration(rand.ExpFloat64()*float64(meanPause)))
	}
	return nil
}

func (r *race) writeInTransaction(ctx context.Context, write eventstore.Write) error {
	tx, err := r.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := r.store.AppendTx(ctx, tx, write); err != nil {
		return err
	}
	pause(ctx, rand.N(longest))
	if rand.IntN(4) == 0 {
		return tx.Rollback(ctx)
	}
	return tx.Commit(ctx)
}

// openUnrelated opens a transaction that writes, in another database, and leaves it open for a while.
func (r *race) openUnrelated(ctx context.Context) error {
	pause(ctx, (r.duration-r.unrelated)/2)
	conn, err := pgx.Connect(ctx, r.other)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "BEGIN; SELECT pg_current_xact_id()"); err != nil {
		return err
	}
	r.opened = time.Now()
	pause(ctx, r.unrelated)
	r.closed = time.Now()
	_, err = conn.Exec(ctx, "ROLLBACK")
	return err
}

// results compares what each reader saw with what is there.
func (r *race) results(ctx context.Context) ([]result, error) {
	rows, err := r.pool.Query(ctx, "SELECT position FROM pasttense.events ORDER BY position")
	if err != nil {
		return nil, err
	}
	log, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, err
	}
	var results []result
	for _, reader := range r.readers {
		results = append(results, reader.result(log, r.opened, r.closed))
	}
	return results, nil
}

func (r *race) close() error {
	var err error
	if r.store != nil {
		err = r.store.Close(context.Background())
	}
	r.pool.Close()
	return err
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
