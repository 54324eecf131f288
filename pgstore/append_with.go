package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

var _ eventstore.AppenderWith[pgx.Tx] = (*Store)(nil)

// maxWorkFailures is how often AppendWith begins anew after a deadlock or a lost connection. It bridges what happens by
// chance, not two pieces of work that always lock the same rows in opposite order.
const maxWorkFailures = 5

// planForWork gives work the planner's settings that the database has for it, in place of those for the store's own
// statements.
var planForWork = []string{
	`SET LOCAL plan_cache_mode TO DEFAULT`,
	`SET LOCAL enable_seqscan TO DEFAULT`,
	`SET LOCAL jit TO DEFAULT`,
}

// AppendWith implements [eventstore.AppenderWith]: work updates a read model that is never behind the streams, in the
// store's database.
//
// It costs more than Append: a READ COMMITTED transaction of its own, which shares its commit with no other append and
// takes several round trips, on a connection of the store's pool. While work runs, other appends to the same streams
// wait, and all subscriptions wait before these events, as they do for [Store.AppendTx]; keep it short. What it takes
// from the store's pool or waits for there, such as another Append, may not come until work ends; within work, append
// with AppendTx.
//
// Work begins anew, in a new transaction, when Postgres has rolled the old one back for a deadlock or a serialization
// failure, whether work has met the error or not, and when the connection was lost before the commit: after at most five
// such failures AppendWith returns the error. An append that was merely overtaken by another is tried again until it is
// decided or ctx ends; work has not run then.
//
// When the connection is lost during the commit, AppendWith finds out what became of the transaction, as Append does.
// It returns [eventstore.ErrOutcomeUnknown] where that cannot be told: when ctx ends first, behind a pooler when the
// events are not there, and for an append of checks alone.
//
// When work panics the transaction is rolled back and the panic goes on.
func (s *Store) AppendWith(
	ctx context.Context, work func(ctx context.Context, tx pgx.Tx, events []eventstore.RecordedEvent) error,
	writes ...eventstore.Write,
) (eventstore.AppendResult, error) {
	prepared, err := eventstore.Prepare(ctx, writes)
	if err != nil {
		return eventstore.AppendResult{}, err
	}
	call, err := newCall(prepared)
	if err != nil {
		return eventstore.AppendResult{}, describeAppend(writes, err)
	}
	if err := s.enter(); err != nil {
		return eventstore.AppendResult{}, describeAppend(writes, err)
	}
	defer s.leave()
	result, err := s.appendWith(ctx, call, work)
	if err != nil {
		return eventstore.AppendResult{}, describeAppend(writes, err)
	}
	return result, nil
}

func (s *Store) appendWith(
	ctx context.Context, call *call, work func(ctx context.Context, tx pgx.Tx, events []eventstore.RecordedEvent) error,
) (eventstore.AppendResult, error) {
	for failures := 0; ; {
		if err := ctx.Err(); err != nil {
			return eventstore.AppendResult{}, err
		}
		a := &workAttempt{store: s, call: call, work: work}
		err := s.lend(ctx, func(conn *pgx.Conn) error { return a.run(ctx, conn) })
		if a.inDoubt {
			err = a.resolve(ctx, err)
		}
		switch {
		case err == nil:
			s.wake.appended()
			return a.inside.result, nil
		case errors.Is(err, eventstore.ErrOutcomeUnknown):
			return eventstore.AppendResult{}, err
		case !a.appended && isRace(err): // somebody else has got on
		case failures < maxWorkFailures && (isRolledBack(err) || isConnectionLoss(ctx, err)):
			failures++
			_ = sleep(ctx, firstPause<<failures)
		default:
			return eventstore.AppendResult{}, err
		}
	}
}

// workAttempt is one try at an append with work.
type workAttempt struct {
	store *Store
	call  *call
	work  func(ctx context.Context, tx pgx.Tx, events []eventstore.RecordedEvent) error

	session  session
	inside   insideAppend
	appended bool
	inDoubt  bool // its commit was sent, and no answer came
}

func (a *workAttempt) run(ctx context.Context, conn *pgx.Conn) error {
	a.session = sessionOf(conn)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return err
	}
	defer rollBack(ctx, conn.PgConn()) // when work panics, too
	if a.inside, err = a.store.appendIn(ctx, tx, a.call); err != nil || a.inside.repeat {
		return err
	}
	a.appended = true
	events, err := a.readBack(ctx, tx)
	if err != nil {
		return err
	}
	if err := a.work(ctx, tx, events); err != nil {
		return fmt.Errorf("work with its events: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return a.commit(ctx, tx)
}

// readBack returns the events as they are recorded, and makes the transaction ready for work.
func (a *workAttempt) readBack(ctx context.Context, tx pgx.Tx) (events []eventstore.RecordedEvent, err error) {
	before, limit := a.inside.before, a.call.prepared.Events
	batch := &pgx.Batch{}
	batch.Queue(a.store.sql.readAll+sqlPage, int64(before), int64(before+blockSize), limit).
		Query(func(rows pgx.Rows) (err error) {
			events, err = pgx.CollectRows(rows, scanEvent)
			return err
		})
	for _, setting := range planForWork {
		batch.Queue(setting)
	}
	return events, tx.SendBatch(ctx, batch).Close()
}

func (a *workAttempt) commit(ctx context.Context, tx pgx.Tx) error {
	err := tx.Commit(ctx)
	switch {
	case errors.Is(err, pgx.ErrTxClosed):
		return fmt.Errorf("%w: work has ended the transaction, which it must not", eventstore.ErrOutcomeUnknown)
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return fmt.Errorf("work has ignored an error of the database: %w", err)
	}
	a.inDoubt = err != nil && !isRefusal(err)
	return err
}

// resolve returns nil when the commit that was not answered has happened, and its cause when it has not.
func (a *workAttempt) resolve(ctx context.Context, cause error) error {
	s := a.store
	late := 0
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		var over bool
		var found *answer
		err := s.lendFor(ctx, s.answerTimeout(late), func(conn *pgx.Conn) (err error) {
			if a.session.direct {
				over, err = s.isOver(ctx, conn, &attempt{session: a.session})
			}
			if err == nil {
				found, err = s.outcome(ctx, conn, a.inside.planned)
			}
			if err == nil && found != nil {
				err = confirm(ctx, conn)
			}
			return err
		})
		if errors.Is(err, errNoAnswer) {
			late++
		}
		switch {
		case err == nil && found != nil:
			return found.err
		case err == nil && !a.session.direct, a.call.prepared.Events == 0:
			return fmt.Errorf("%w: %w", eventstore.ErrOutcomeUnknown, cause)
		case err == nil && over:
			return cause
		}
		if err := sleep(ctx, pause); err != nil {
			return fmt.Errorf("%w: %w", eventstore.ErrOutcomeUnknown, err)
		}
	}
}
