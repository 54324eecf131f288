package pgstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
)

// Target keeps checkpoints, leases, read models and the agendas of process managers in a Postgres database: that of the
// store, or another one with the store's schema. It implements [eventstore.Target] for [pgx.Tx], and
// [eventstore.Agenda]. It is safe for concurrent use.
//
// All it knows is in the database, and nothing of it in a session: it works through a pooler in transaction mode.
type Target struct {
	pool        *pgxpool.Pool
	idleTimeout time.Duration
	sql         targetStatements
	lookout     *lookout
}

var (
	_ eventstore.Target[pgx.Tx] = (*Target)(nil)
	_ eventstore.Agenda         = (*Target)(nil)
)

const defaultTargetIdleTimeout = 10 * time.Second

// TargetOptions are the options of [NewTarget]. Nil and the zero value are the defaults.
type TargetOptions struct {
	// Schema is the database schema that [Migrate] has set up, DefaultSchema when empty. Read models may be in any schema.
	Schema string

	// IdleTransactionTimeout is how long a transaction of Advance may stand idle before Postgres ends it, unless a move
	// has a shorter time; 10 seconds when zero. A process that was stopped in the middle holds up its successor for that
	// long.
	IdleTransactionTimeout time.Duration
}

// NewTarget returns a target on the caller's pool, which the caller closes after all consumers have ended.
// It panics when the options are invalid.
func NewTarget(pool *pgxpool.Pool, opts *TargetOptions) *Target {
	var given TargetOptions
	if opts != nil {
		given = *opts
	}
	if given.IdleTransactionTimeout == 0 {
		given.IdleTransactionTimeout = defaultTargetIdleTimeout
	}
	options, err := (&Options{Schema: given.Schema, IdleTransactionTimeout: given.IdleTransactionTimeout}).withDefaults()
	if err != nil {
		panic(fmt.Sprintf("pgstore.NewTarget: %v", err))
	}
	target := &Target{
		pool:        pool,
		idleTimeout: options.IdleTransactionTimeout,
		sql:         newTargetStatements(options.Schema),
	}
	target.lookout = newLookout(target.readCheckpoints)
	return target
}

// transact runs work in a transaction that commits when work returns nil, and rolls back otherwise and on a panic. What
// queue queues is sent together with the beginning.
func (t *Target) transact(
	ctx context.Context, idleTimeout time.Duration, queue func(batch *pgx.Batch), work func(tx pgx.Tx) error,
) error {
	batch := &pgx.Batch{}
	batch.BeginTx(pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	batch.Queue(sqlProtect, milliseconds(idleTimeout))
	queue(batch)
	results := t.pool.SendBatch(ctx, batch)
	tx := results.Tx()
	defer rollBackTx(ctx, tx)
	if err := results.Close(); err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// rollBackTx ends a transaction that is still open, also when ctx has ended.
func rollBackTx(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// execute runs statements in a transaction, in one round trip.
func (t *Target) execute(ctx context.Context, queue func(batch *pgx.Batch)) error {
	batch := &pgx.Batch{}
	batch.Queue(sqlBeginWrite)
	queue(batch)
	batch.Queue(sqlCommit)
	return t.pool.SendBatch(ctx, batch).Close()
}

// describe says what failed for which consumer.
func describe(doing string, consumer eventstore.ConsumerID, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s consumer %q: %w", doing, consumer, err)
}

// storableText makes any text one that Postgres stores.
func storableText(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// milliseconds writes a duration as a setting of Postgres takes it.
func milliseconds(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }
