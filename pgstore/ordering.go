package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

// This file holds what makes subscriptions complete although positions are drawn before they are committed: the
// lower bound that every appender announces, and the stable bound that every reader keeps to.
//
// An appender, before it draws its positions, reads the sequence's last value as its lower bound L and takes a shared
// transaction-level advisory lock whose key carries L. Every position it draws is above L, and Postgres releases the
// lock only after the commit is visible to others.
//
// A reader reads the sequence's last value H, then the lowest L among the locks that are held, and only then, with a
// newer snapshot, the events at or below the lesser of the two. Whatever is drawn later is above H; whatever was drawn
// and not yet committed is above the L of its lock. So each position at or below the bound is visible, or rolled back,
// or will never be drawn.
//
// The three steps must be three statements of a READ COMMITTED transaction, or they share a snapshot and events are
// missed. Writers never wait for readers or for each other, and unrelated transactions play no part.
//
// The sequence counts in blocks: an append draws one value and has the positions of the block that ends with it. So
// both bounds lie between appends, and an append is seen whole.
//
// After a crash the sequence may go back over positions that were drawn and rolled back, and draw them again. So a
// reader is never told that it has seen all up to H, only up to a position that is committed: the sequence cannot
// go back below that.

const (
	// blockSize is the number of positions that an append draws, the sequence's increment.
	blockSize = eventstore.MaxAppendEvents

	// lockKeys is the number of different keys that the blocks of lower bounds are folded into: what a non-negative int4
	// holds.
	lockKeys = 1 << 31
)

// lastDrawn is the last value that was drawn from the sequence, 0 when none was. SELECT last_value would not do: it reads
// the sequence's page without keeping its lock, and nextval puts a value there for a moment, before it writes the log,
// that is up to 32 draws ahead. Who took that for a bound would announce too high a one, or read beyond what is settled.
const lastDrawn = `coalesce(pg_sequence_last_value({oid}::oid::regclass), 0)`

const (
	// sqlAnnounce announces the lower bound. Then it sees to it that the transaction's commit is on disk when it is
	// acknowledged, and that it does not wait long for another transaction.
	sqlAnnounce = `
		SELECT pg_backend_pid(), (lower / 10000 % 2147483648)::int4 AS lock_key,
			pg_advisory_xact_lock_shared({class}, (lower / 10000 % 2147483648)::int4)::text,
			CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END,
			set_config('lock_timeout', {timeout}, true)
		FROM (SELECT ` + lastDrawn + ` AS lower OFFSET 0) AS bound`

	// sqlLockOnce announces the lower bound once in a transaction, however often it is called. The setting that remembers it reverts with
	// a savepoint exactly as the lock does.
	sqlLockOnce = `
		SELECT CASE WHEN coalesce(current_setting('pasttense.locked_{oid}', true), '') <> '' THEN '' ELSE (
			SELECT pg_advisory_xact_lock_shared({class}, (lower / 10000 % 2147483648)::int4)::text
				|| set_config('pasttense.locked_{oid}', 'yes', true)
			FROM (SELECT ` + lastDrawn + ` AS lower) AS bound
		) END`

	// sqlLastDrawn asks again for what Open has made sure of, as a pool may find itself connected to another server.
	sqlLastDrawn = `SELECT ` + lastDrawn + `, pg_is_in_recovery()`

	// sqlLockKeys lists the keys of the lower bounds of this store's appends in flight. pg_locks shows the whole cluster:
	// the class is the OID of the store's sequence, and objsubid 2 means a key of two halves.
	sqlLockKeys = `
		SELECT DISTINCT objid::bigint
		FROM pg_locks
		WHERE locktype = 'advisory' AND classid = {oid} AND objsubid = 2 AND mode = 'ShareLock' AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

	// sqlHeads gives the highest committed position at or below the bound, and the highest committed at all.
	sqlHeads = `
		SELECT coalesce((SELECT max(position) FROM {schema}.events WHERE position <= $1), 0),
			coalesce((SELECT max(position) FROM {schema}.events), 0)`

	// These say what they need, as a database's defaults may be anything.
	sqlBeginRead  = `BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY`
	sqlBeginWrite = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`
	sqlCommit     = `COMMIT`
)

// stableBound begins a transaction on conn and returns a position such that what is not yet visible at or below it
// never will be. The caller reads with a later statement of the same transaction, and ends it.
func (s *Store) stableBound(ctx context.Context, conn *pgx.Conn) (bound eventstore.Position, heldBack bool, err error) {
	settled := s.settled.position() // before the look: others may settle more meanwhile
	var lastDrawn int64
	var standby bool
	var keys []int64
	batch := &pgx.Batch{}
	batch.Queue(sqlBeginRead)
	batch.Queue(s.sql.lastDrawn).QueryRow(func(row pgx.Row) error { return row.Scan(&lastDrawn, &standby) })
	batch.Queue(s.sql.lockKeys).Query(func(rows pgx.Rows) (err error) {
		keys, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return 0, false, fmt.Errorf("read the stable bound: %w", err)
	}
	if standby {
		return 0, false, errStandby
	}
	if eventstore.Position(lastDrawn) < settled {
		return 0, false, fmt.Errorf("%w: position %d was read before, and the last one drawn is %d",
			eventstore.ErrBeyondHead, settled, lastDrawn)
	}
	lowest := lastDrawn
	for _, key := range keys {
		lowest = min(lowest, lowerBound(key, lastDrawn))
	}
	return max(eventstore.Position(lowest), settled), lowest < lastDrawn, nil
}

// settled is the highest position that this process's readers have been told is stable. An appender that read its lower
// bound long before it took its lock makes the bound that is computed go back; what is settled stays so, as that
// appender draws its positions after its lock.
type settled struct{ highest atomic.Int64 }

func (s *settled) position() eventstore.Position { return eventstore.Position(s.highest.Load()) }

// raise takes note of a position that is stable and committed. (One that is only stable may be drawn again after a
// crash.)
func (s *settled) raise(position eventstore.Position) {
	for {
		highest := s.highest.Load()
		if int64(position) <= highest || s.highest.CompareAndSwap(highest, int64(position)) {
			return
		}
	}
}

// errStandby is for a reader that has come to a server where the appenders' locks are not.
var errStandby = errors.New("the server is a standby, which does not know what is in flight on its primary: use the primary")

// lowerBound rebuilds the lower bound that a lock's key was made of: the block nearest to that of lastDrawn that folds
// into the key. An appender may have read the sequence after the reader did, so it may be above lastDrawn.
func lowerBound(key, lastDrawn int64) int64 {
	block := lastDrawn / blockSize
	distance := (key - block) % lockKeys
	switch {
	case distance >= lockKeys/2:
		distance -= lockKeys
	case distance < -lockKeys/2:
		distance += lockKeys
	}
	return (block + distance) * blockSize
}
