package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pasttense/pasttense/eventstore"
)

// This file holds the row of an import: how many of the source's writes are in the store, kept by the transactions that
// write them. It makes an import resumable, tells what became of a commit that was not answered, and keeps an earlier
// run from writing once a later one has begun.

const (
	// sqlOpenImport begins a run. It waits for a transaction of the run before it.
	sqlOpenImport = `
		INSERT INTO {schema}.imports (name, run) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET run = excluded.run, updated_at = clock_timestamp()
		RETURNING writes, checksum, position`

	// sqlLockImport also waits until a commit of this run that was not answered is decided.
	sqlLockImport = `SELECT run, writes FROM {schema}.imports WHERE name = $1 FOR UPDATE`

	sqlAdvanceImport = `
		UPDATE {schema}.imports
		SET writes = $2, checksum = $3, events = events + $4, position = greatest(position, $5),
			updated_at = clock_timestamp()
		WHERE name = $1`

	sqlForgetImport = `DELETE FROM {schema}.imports WHERE name = $1 AND run = $2`
)

// importThere is what an import's earlier runs have brought into the store.
type importThere struct {
	writes   int64
	checksum uint32
	position eventstore.Position
}

// open makes this run the one that may write, and returns what is there.
func (w *importWriter) open(ctx context.Context) (there importThere, err error) {
	var checksum, position int64
	err = w.retry(ctx, func() error {
		return w.store.withConn(ctx, func(conn *pgx.Conn) error {
			batch := &pgx.Batch{}
			batch.Queue(sqlBeginWrite)
			batch.Queue(w.sql.open, w.name, w.run).QueryRow(func(row pgx.Row) error {
				return row.Scan(&there.writes, &checksum, &position)
			})
			batch.Queue(sqlCommit)
			return conn.SendBatch(ctx, batch).Close()
		})
	})
	if err != nil {
		return importThere{}, fmt.Errorf("begin: %w", err)
	}
	there.checksum, there.position = uint32(checksum), eventstore.Position(position)
	w.done.Writes, w.done.Skipped, w.done.Position = there.writes, there.writes, there.position
	return there, nil
}

// check refuses to go on when the row is not as this run has left it.
func (w *importWriter) check(run pgtype.UUID, writes int64) error {
	if run != w.run {
		return fmt.Errorf("%w %s", ErrImportTakenOver, uuid.UUID(run.Bytes))
	}
	if writes != w.done.Writes {
		return fmt.Errorf("table imports counts %d writes, of which this run knows %d: were acknowledged events lost?",
			writes, w.done.Writes)
	}
	return nil
}

// isThere tells whether a commit that was not answered has happened: the row waits until that is decided.
func (w *importWriter) isThere(ctx context.Context, step importStep) (there bool, err error) {
	err = w.store.withConn(ctx, func(conn *pgx.Conn) error {
		var run pgtype.UUID
		var writes int64
		batch := &pgx.Batch{}
		batch.Queue(sqlBeginWrite)
		batch.Queue(w.sql.lock, w.name).QueryRow(func(row pgx.Row) error { return row.Scan(&run, &writes) })
		batch.Queue(sqlCommit)
		err := conn.SendBatch(ctx, batch).Close()
		there = writes >= w.done.Writes+int64(step.writes)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("the row of the import is gone from table imports")
	}
	return there, err
}

// forget removes the row of an import without a name, which nobody can resume.
func (w *importWriter) forget(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), importGrace)
	defer cancel()
	_ = w.store.withConn(ctx, func(conn *pgx.Conn) error {
		batch := &pgx.Batch{}
		batch.Queue(sqlBeginWrite)
		batch.Queue(w.sql.forget, w.name, w.run)
		batch.Queue(sqlCommit)
		return conn.SendBatch(ctx, batch).Close()
	})
}
