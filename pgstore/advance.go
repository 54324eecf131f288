package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlLockCheckpoint locks the row of the partition, and no other: that of the consumer is for those who change who
	// works. Where the version's read model has a place of its own, it is put before what the search_path is.
	//
	// A version that becomes live or ceases to be begins a new epoch, so what this statement sees of it while it waits
	// for the row counts only if it still holds.
	sqlLockCheckpoint = `
		SELECT c.position, c.epoch, c.paused, c.reason,
			CASE WHEN k.read_model IS NOT NULL THEN set_config('search_path',
				concat_ws(', ', quote_ident({schema}.read_model_schema(k.read_model, k.version, k.live)),
					nullif(current_setting('search_path'), '')),
				true) END
		FROM {schema}.checkpoints AS c
		JOIN {schema}.consumers AS k USING (consumer, version)
		WHERE c.consumer = $1 AND c.version = $2 AND c.partition = $3
		FOR UPDATE OF c`

	sqlMoveCheckpoint = `
		UPDATE {schema}.checkpoints
		SET position = $4, handled = handled + $5, epoch = epoch + $6, updated_at = clock_timestamp()
		WHERE consumer = $1 AND version = $2 AND partition = $3
		RETURNING updated_at`

	// sqlMoveFrom makes a move by itself. It is followed by sqlState, which tells why when it has changed nothing.
	sqlMoveFrom = `
		UPDATE {schema}.checkpoints SET position = $4, handled = handled + $5, updated_at = clock_timestamp()
		WHERE consumer = $1 AND version = $2 AND partition = $3 AND position = $6 AND epoch = $7 AND NOT paused
		RETURNING updated_at`

	// sqlUnhurried lets a commit be acknowledged before it is on disk.
	sqlUnhurried = `SELECT set_config('synchronous_commit', 'off', true)`
)

// Advance implements [eventstore.Target]. The transaction is READ COMMITTED and holds the row lock of the partition's
// checkpoint, for which others wait that move, pause or halt the same partition. Work may append to the store with
// [Store.AppendTx].
//
// A move without work that parks, unparks and skips nothing is not on disk when Advance returns: after a crash of the
// database the checkpoint may be where it was before.
func (t *Target) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx pgx.Tx) error,
) error {
	err := move.Validate()
	switch {
	case err != nil:
	case work == nil && !touchesParking(move):
		err = t.moveOnly(ctx, move, func(*pgx.Batch) {})
	default:
		err = t.advance(ctx, move, work, func(*pgx.Batch) {})
	}
	return describeMove(move, err)
}

func describeMove(move eventstore.Move, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("move partition %d of consumer %q from position %d to %d: %w",
		move.Partition, move.Consumer, move.From, move.To, err)
}

func touchesParking(move eventstore.Move) bool {
	return len(move.Park)+len(move.Unpark)+len(move.Skip) > 0
}

// advance makes a move and all that belongs to it: work is run before it, what queue queues is done with it.
func (t *Target) advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx pgx.Tx) error,
	queue func(batch *pgx.Batch),
) error {
	if err := validateParking(move); err != nil {
		return err
	}
	id := move.Consumer
	var at state
	var schema *string
	made := newMadeMove(move)
	err := t.transact(ctx, t.idleTimeoutOf(move), func(batch *pgx.Batch) {
		batch.Queue(t.sql.lockCheckpoint, id.Name, id.Version, move.Partition).
			QueryRow(func(row pgx.Row) error { return at.scanBefore(row, &schema) })
	}, func(tx pgx.Tx) error {
		if err := at.refuse(move); err != nil {
			return err
		}
		if err := enterReadModel(ctx, tx.Conn(), schema); err != nil {
			return err
		}
		if work != nil {
			if err := work(ctx, tx); err != nil {
				return err
			}
		}
		batch := &pgx.Batch{}
		batch.Queue(t.sql.moveCheckpoint,
			id.Name, id.Version, move.Partition, move.To, move.Events, made.epoch-move.Epoch).QueryRow(scanMade(&made.at))
		t.queueParking(batch, move)
		queue(batch)
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		t.lookout.nudge(id) // it may have been made
		return err
	}
	t.lookout.moved(made)
	return nil
}

// readModelKey is where a connection notes which search_path its prepared statements were made for.
const readModelKey = "pasttense.read_model"

// enterReadModel forgets the statements that a connection has prepared for the read model of another version: the same
// text means other tables now, perhaps with columns of other types, which Postgres refuses to run as it was prepared.
func enterReadModel(ctx context.Context, conn *pgx.Conn, searchPath *string) error {
	if searchPath == nil || conn.PgConn().CustomData()[readModelKey] == *searchPath {
		return nil
	}
	if err := conn.DeallocateAll(ctx); err != nil {
		return err
	}
	conn.PgConn().CustomData()[readModelKey] = *searchPath
	return nil
}

// idleTimeoutOf returns how long the transaction of a move may stand idle. Postgres takes 0 for no limit.
func (t *Target) idleTimeoutOf(move eventstore.Move) time.Duration {
	if move.IdleTimeout <= 0 {
		return t.idleTimeout
	}
	return max(min(move.IdleTimeout, t.idleTimeout), time.Millisecond)
}

// moveOnly moves a checkpoint in one round trip. What queue queues is done in the same transaction, also when the move
// cannot be made. To lose it in a crash costs a second look at the events that it was moved over.
func (t *Target) moveOnly(ctx context.Context, move eventstore.Move, queue func(batch *pgx.Batch)) error {
	id := move.Consumer
	made := newMadeMove(move)
	var now state
	err := t.execute(ctx, func(batch *pgx.Batch) {
		batch.Queue(sqlUnhurried)
		batch.Queue(t.sql.moveFrom, id.Name, id.Version, move.Partition, move.To, move.Events, move.From, move.Epoch).
			QueryRow(scanMade(&made.at))
		queue(batch)
		batch.Queue(t.sql.state, id.Name, id.Version, move.Partition).QueryRow(now.scan)
	})
	if err == nil && !made.at.IsZero() {
		t.lookout.moved(made)
		return nil
	}
	t.lookout.nudge(id) // it may have been made, or others have made another
	switch {
	case err != nil:
		return err
	case now.found && now.paused:
		return now.refuse(move)
	default:
		return now.moved(move.From, move.Epoch)
	}
}
