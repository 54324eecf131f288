package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
)

// Target keeps checkpoints, read models and the tasks of process managers in a Postgres database: that of the store, or
// another one with the store's schema. It implements [eventstore.Target] for [pgx.Tx], and [eventstore.Agenda].
// It is safe for concurrent use.
type Target struct {
	pool        *pgxpool.Pool
	idleTimeout string
	sql         targetStatements
}

var (
	_ eventstore.Target[pgx.Tx] = (*Target)(nil)
	_ eventstore.Agenda         = (*Target)(nil)
)

// TargetOptions are the options of [NewTarget]. Nil and the zero value are the defaults.
type TargetOptions struct {
	// Schema is the database schema that [Migrate] has set up, DefaultSchema when empty. Read models may be in any schema.
	Schema string

	// IdleTransactionTimeout is how long a transaction of Advance may stand idle before Postgres ends it; 30 seconds
	// when zero. A process that was stopped in the middle holds up its successor for that long.
	IdleTransactionTimeout time.Duration
}

// NewTarget returns a target on the caller's pool, which the caller closes after all consumers have ended.
// It panics when the options are invalid.
func NewTarget(pool *pgxpool.Pool, opts *TargetOptions) *Target {
	var given TargetOptions
	if opts != nil {
		given = *opts
	}
	options, err := (&Options{Schema: given.Schema, IdleTransactionTimeout: given.IdleTransactionTimeout}).withDefaults()
	if err != nil {
		panic(fmt.Sprintf("pgstore.NewTarget: %v", err))
	}
	return &Target{
		pool:        pool,
		idleTimeout: milliseconds(options.IdleTransactionTimeout),
		sql:         newTargetStatements(options.Schema),
	}
}

const (
	sqlCheckpoint = `SELECT position, paused, reason, updated_at FROM {schema}.checkpoints WHERE consumer = $1`

	// sqlAddCheckpoint makes the row that sqlLockCheckpoint locks.
	sqlAddCheckpoint  = `INSERT INTO {schema}.checkpoints (consumer) VALUES ($1) ON CONFLICT DO NOTHING`
	sqlLockCheckpoint = `SELECT position, paused, reason FROM {schema}.checkpoints WHERE consumer = $1 FOR UPDATE`
	sqlMoveCheckpoint = `
		UPDATE {schema}.checkpoints SET position = $2, updated_at = clock_timestamp() WHERE consumer = $1`
	sqlPause = `
		UPDATE {schema}.checkpoints SET paused = true, reason = $2, updated_at = clock_timestamp() WHERE consumer = $1`
	sqlResume = `
		UPDATE {schema}.checkpoints SET paused = false, reason = '', updated_at = clock_timestamp()
		WHERE consumer = $1 AND paused`
)

// Checkpoint implements [eventstore.Checkpoints].
func (t *Target) Checkpoint(ctx context.Context, consumer string) (eventstore.Checkpoint, error) {
	checkpoint := eventstore.Checkpoint{Consumer: consumer}
	err := t.pool.QueryRow(ctx, t.sql.checkpoint, consumer).
		Scan(&checkpoint.Position, &checkpoint.Paused, &checkpoint.Reason, &checkpoint.UpdatedAt)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return eventstore.Checkpoint{}, fmt.Errorf("read the checkpoint of %q: %w", consumer, err)
	}
	checkpoint.UpdatedAt = checkpoint.UpdatedAt.UTC()
	return checkpoint, nil
}

// Pause implements [eventstore.Checkpoints].
func (t *Target) Pause(ctx context.Context, consumer string, at eventstore.Position, reason string) error {
	if err := eventstore.ValidateConsumer(consumer); err != nil {
		return fmt.Errorf("pause %q: %w", consumer, err)
	}
	err := t.transact(ctx, func(tx pgx.Tx) error {
		checkpoint, err := t.lock(ctx, tx, consumer)
		switch {
		case err != nil:
			return err
		case checkpoint.Position != at:
			return fmt.Errorf("%w: from position %d to %d", eventstore.ErrCheckpointMoved, at, checkpoint.Position)
		case checkpoint.Paused:
			return nil
		}
		_, err = tx.Exec(ctx, t.sql.pause, consumer, storableText(reason))
		return err
	})
	if err != nil {
		return fmt.Errorf("pause %q: %w", consumer, err)
	}
	return nil
}

// Resume implements [eventstore.Checkpoints].
func (t *Target) Resume(ctx context.Context, consumer string) error {
	err := t.execute(ctx, func(batch *pgx.Batch) { batch.Queue(t.sql.resume, consumer) })
	if err != nil {
		return fmt.Errorf("resume %q: %w", consumer, err)
	}
	return nil
}

// Advance implements [eventstore.Target]. The transaction is READ COMMITTED and holds the checkpoint's row lock, which
// makes other processes wait that handle the same consumer. Work may append to the store with [Store.AppendTx].
func (t *Target) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx pgx.Tx) error,
) error {
	if err := move.Validate(); err != nil {
		return fmt.Errorf("move %q: %w", move.Consumer, err)
	}
	err := t.transact(ctx, func(tx pgx.Tx) error {
		if err := t.expect(ctx, tx, move); err != nil {
			return err
		}
		if err := work(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, t.sql.moveCheckpoint, move.Consumer, move.To)
		return err
	})
	if err != nil {
		return fmt.Errorf("move %q from position %d to %d: %w", move.Consumer, move.From, move.To, err)
	}
	return nil
}

// transact runs work in a transaction that commits when work returns nil, and rolls back otherwise and on a panic.
func (t *Target) transact(ctx context.Context, work func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, t.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite},
		func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, sqlProtect, t.idleTimeout); err != nil {
				return err
			}
			return work(tx)
		})
}

// execute runs statements in a transaction, in one round trip.
func (t *Target) execute(ctx context.Context, queue func(batch *pgx.Batch)) error {
	batch := &pgx.Batch{}
	batch.Queue(sqlBeginWrite)
	queue(batch)
	batch.Queue(sqlCommit)
	return t.pool.SendBatch(ctx, batch).Close()
}

// expect locks the checkpoint and returns an error when the move cannot begin there.
func (t *Target) expect(ctx context.Context, tx pgx.Tx, move eventstore.Move) error {
	checkpoint, err := t.lock(ctx, tx, move.Consumer)
	switch {
	case err != nil:
		return err
	case checkpoint.Paused:
		return fmt.Errorf("%w: %s", eventstore.ErrPaused, checkpoint.Reason)
	case checkpoint.Position != move.From:
		return fmt.Errorf("%w: it is at %d", eventstore.ErrCheckpointMoved, checkpoint.Position)
	}
	return nil
}

// lock returns a consumer's checkpoint and locks it until the transaction ends.
func (t *Target) lock(ctx context.Context, tx pgx.Tx, consumer string) (eventstore.Checkpoint, error) {
	var checkpoint eventstore.Checkpoint
	batch := &pgx.Batch{}
	batch.Queue(t.sql.addCheckpoint, consumer)
	batch.Queue(t.sql.lockCheckpoint, consumer).QueryRow(func(row pgx.Row) error {
		return row.Scan(&checkpoint.Position, &checkpoint.Paused, &checkpoint.Reason)
	})
	return checkpoint, tx.SendBatch(ctx, batch).Close()
}

// storableText makes any text one that Postgres stores.
func storableText(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// milliseconds writes a duration as a setting of Postgres takes it.
func milliseconds(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }
