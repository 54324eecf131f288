package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

// sqlProtect guards a transaction that appends: it ends when its process is stopped in the middle, and its commit is on
// disk when it is acknowledged, whatever the defaults say. A stricter setting of the caller's remains.
const sqlProtect = `
	SELECT
		CASE WHEN current_setting('idle_in_transaction_session_timeout')::interval NOT BETWEEN '1ms' AND $1::text::interval
			THEN set_config('idle_in_transaction_session_timeout', $1::text, true) END,
		CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END`

// AppendTx appends as Append does, inside the caller's transaction: the events are there when the caller commits, and
// never were when it rolls back. It may be called several times in one transaction, which may have any isolation level.
//
// AppendTx never retries. When another transaction was first, it returns a [*eventstore.ConflictError], also with
// [eventstore.AnyVersion]; its Actual is [eventstore.VersionUnknown] where the transaction cannot see the winner. After
// an error the caller must roll back, to a savepoint taken before or altogether.
//
// From the first call until the transaction ends, all subscriptions to the store wait before its events; keep it short.
// It stands idle for Options.IdleTransactionTimeout at most, and its commit is synchronous.
//
// The result tells positions and versions as they will be. They mean nothing before the caller's commit. tx must be a
// transaction on the store's database.
func (s *Store) AppendTx(ctx context.Context, tx pgx.Tx, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	prepared, err := eventstore.Prepare(ctx, writes)
	if err != nil {
		return eventstore.AppendResult{}, err
	}
	if err := s.enter(); err != nil {
		return eventstore.AppendResult{}, describeAppend(writes, err)
	}
	defer s.leave()
	if encoding := tx.Conn().PgConn().ParameterStatus("client_encoding"); encoding != "UTF8" {
		return eventstore.AppendResult{}, describeAppend(writes, fmt.Errorf(
			"%w: the transaction's client_encoding is %s, it must be UTF8", eventstore.ErrInvalid, encoding))
	}
	call, err := newCall(prepared)
	if err != nil {
		return eventstore.AppendResult{}, describeAppend(writes, err)
	}
	inside, err := s.appendIn(ctx, tx, call)
	if err != nil {
		return eventstore.AppendResult{}, describeAppend(writes, lostRace(err, prepared.Writes))
	}
	// The commit happens out of sight. A reader that looks now sees this append in flight, and keeps looking.
	s.wake.appended()
	return inside.result, nil
}

// insideAppend is an append that was made inside a transaction.
type insideAppend struct {
	planned *plannedAppend
	result  eventstore.AppendResult
	repeat  bool                // of one that was made before: nothing was inserted
	before  eventstore.Position // after which its events are
}

// appendIn appends inside a transaction. It returns the database's own error when another transaction was first.
func (s *Store) appendIn(ctx context.Context, tx pgx.Tx, only *call) (insideAppend, error) {
	only.doubted = true // and nothing believed: after a violation the transaction would be lost
	plan := newPlan([]*call{only})
	in := newInsert(plan)
	batch := &pgx.Batch{}
	batch.Queue(sqlProtect, s.idleTimeout)
	batch.Queue(s.sql.lockOnce)
	in.queue(batch, s.sql)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return insideAppend{}, err
	}
	inside := insideAppend{planned: plan.appends[0], before: in.start}
	answer, decided := inside.planned.judge(in)
	if !decided {
		answer, decided = inside.planned.findRepeat(ctx, tx, s.sql, in)
		inside.repeat = answer.err == nil
	}
	if !decided && answer.err == nil {
		answer.err = errors.New("the events were not inserted, and are not there")
	}
	inside.result = answer.result
	return inside, answer.err
}
