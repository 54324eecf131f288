package main

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

const (
	// poll is how often the readers by SQL ask.
	poll = 5 * time.Millisecond

	// pageRows is how much they ask for.
	pageRows = 1000
)

const (
	// sqlByPosition is what most event stores in Postgres ask for.
	sqlByPosition = `SELECT position FROM pasttense.events WHERE position > $1 ORDER BY position LIMIT $2`

	// sqlByXmin shows what was written by transactions older than the oldest that is open, whatever that is. Its checkpoint
	// is a transaction ID and a position: with a position alone it would miss an event of a transaction that got its ID
	// early and its position late, or the other way round.
	sqlByXmin = `
		SELECT e.transaction_id::text, e.position
		FROM pasttense.events AS e
		WHERE (e.transaction_id, e.position) > ($1::text::xid8, $2)
			AND e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
		ORDER BY e.transaction_id, e.position
		LIMIT $3`
)

// follow shows positions as a reader sees them. It returns nil once it has shown all that it is going to, after written was
// closed.
type follow func(ctx context.Context, written <-chan struct{}, show func(positions ...int64)) error

type byPosition struct{ pool *pgxpool.Pool }

func (b byPosition) follow(ctx context.Context, written <-chan struct{}, show func(positions ...int64)) error {
	var last int64
	return repeatedly(ctx, written, func() (int, error) {
		rows, err := b.pool.Query(ctx, sqlByPosition, last, pageRows)
		if err != nil {
			return 0, err
		}
		positions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if n := len(positions); n > 0 {
			last = positions[n-1]
			show(positions...)
		}
		return len(positions), err
	})
}

type byXmin struct{ pool *pgxpool.Pool }

func (b byXmin) follow(ctx context.Context, written <-chan struct{}, show func(positions ...int64)) error {
	type row struct {
		Transaction string
		Position    int64
	}
	last := row{Transaction: "0"}
	return repeatedly(ctx, written, func() (int, error) {
		rows, err := b.pool.Query(ctx, sqlByXmin, last.Transaction, last.Position, pageRows)
		if err != nil {
			return 0, err
		}
		page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		for _, last = range page {
			show(last.Position)
		}
		return len(page), err
	})
}

// repeatedly looks until a look that began after written was closed brings nothing.
func repeatedly(ctx context.Context, written <-chan struct{}, look func() (int, error)) error {
	for {
		last := false
		select {
		case <-written:
			last = true
		default:
		}
		n, err := look()
		if err != nil || n == 0 && last {
			return err
		}
		if n < pageRows {
			pause(ctx, poll)
		}
	}
}

type byStore struct{ store *pgstore.Store }

func (b byStore) follow(ctx context.Context, written <-chan struct{}, show func(positions ...int64)) error {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	progress := make(chan eventstore.Position)
	go func() {
		defer close(ended)
		ended <- b.subscribe(ctx, progress, show)
	}()
	err := b.awaitHead(ctx, written, progress, ended)
	stop()
	for range ended { // until the subscription is over
	}
	return err
}

// awaitHead returns when the subscription has come to what was written last, or has ended.
func (b byStore) awaitHead(
	ctx context.Context, written <-chan struct{}, progress <-chan eventstore.Position, ended <-chan error,
) (err error) {
	head, through := eventstore.Position(math.MaxInt64), eventstore.Position(0)
	for through < head {
		select {
		case through = <-progress:
		case <-written:
			if head, err = b.store.Head(ctx); err != nil {
				return err
			}
			written = nil
		case err := <-ended:
			return err
		}
	}
	return nil
}

// subscribe tells of its progress after each batch.
func (b byStore) subscribe(ctx context.Context, progress chan<- eventstore.Position, show func(positions ...int64)) error {
	for batch, err := range b.store.Subscribe(ctx, 0, eventstore.Filter{}) {
		if err != nil {
			return err
		}
		for _, event := range batch.Events {
			show(int64(event.Position))
		}
		select {
		case progress <- batch.Through:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("the subscription ended")
}
