package pgstore

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

// This file is the way of an append: Append puts it into the queue, a lane takes it in a batch with others, attempt
// commits the batch in one transaction, judge tells each of its callers what became of it, and sortOut sees to those
// of a batch that failed.

const (
	// laneLockTimeout is how long a batch may wait, with its lower bound in hand, for a stream that another process's open
	// transaction has written to. The append that is to blame then waits by itself, where it holds up nobody.
	laneLockTimeout = 20 * time.Millisecond

	// patientLockTimeout is how long an append that waits by itself does so before it gives others a turn; with many of
	// them, each has less.
	patientLockTimeout = 250 * time.Millisecond

	// maxLost is how many connections an append may lose before it gives up. It bridges terminated backends, not an
	// outage: the caller knows better how long to wait for that.
	maxLost = 5

	// grace is how long an append whose context has ended may take for its answer, which mostly is under way: better to
	// know a moment later than not to know.
	grace = 10 * time.Millisecond

	firstPause = 2 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// Append implements [eventstore.Store]. Appends that are made at the same time share transactions, which the store
// commits on connections of its own. Each is decided by itself, in the order of their arrival; the failure of one is
// nothing to the others.
//
// An append that races with one of another process, is chosen as a deadlock's victim, or meets a stream that an open
// transaction has written to is tried again until it is decided or ctx ends; one that loses its connection before the
// commit, a few times. When the connection is lost during the commit, or the database has not answered for
// Options.AnswerTimeout, Append ends the old session, waits until its transaction is over and looks whether the events are
// there.
//
// When ctx ends while the append is in the database's hands, Append waits for some milliseconds more and then returns
// [eventstore.ErrOutcomeUnknown]. When ctx ends before that, or while Options.MaxAppends others are in progress, it
// returns the error of ctx, and nothing is written.
func (s *Store) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	prepared, err := eventstore.Prepare(ctx, writes)
	if err != nil {
		return eventstore.AppendResult{}, err
	}
	call, err := newCall(prepared)
	if err != nil {
		return eventstore.AppendResult{}, describeAppend(writes, err)
	}
	result, err := s.await(ctx, call)
	if err != nil {
		return eventstore.AppendResult{}, describeAppend(writes, err)
	}
	return result, nil
}

// await sends a call through the queue.
func (s *Store) await(ctx context.Context, c *call) (eventstore.AppendResult, error) {
	if err := s.enter(); err != nil {
		return eventstore.AppendResult{}, err
	}
	defer s.leave()
	if err := ctx.Err(); err != nil {
		return eventstore.AppendResult{}, err
	}
	if err := s.appends.enter(ctx); err != nil {
		return eventstore.AppendResult{}, err
	}
	defer s.appends.exit()
	s.appends.add(c)
	select {
	case answer := <-c.answers:
		return answer.result, answer.err
	case <-ctx.Done():
		if s.appends.withdraw(c) {
			return eventstore.AppendResult{}, ctx.Err()
		}
		return s.lastAnswer(ctx, c)
	}
}

// lastAnswer is for a caller whose context has ended while the append was in the database's hands.
func (s *Store) lastAnswer(ctx context.Context, c *call) (eventstore.AppendResult, error) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case answer := <-c.answers:
		return answer.result, answer.err
	case <-timer.C:
		s.appends.abandon(c)
		return eventstore.AppendResult{}, fmt.Errorf("%w: %w", eventstore.ErrOutcomeUnknown, ctx.Err())
	}
}

// runLane commits one batch after the other until no append is waiting.
func (s *Store) runLane() {
	for b := s.nextBatch(); b != nil; b = s.nextBatch() {
		a := &attempt{store: s, batch: b, lockTimeout: laneLockTimeout}
		s.sortOut(a, a.run())
	}
}

func (s *Store) nextBatch() *batch {
	runtime.Gosched() // callers that are about to append do so now, and are in the batch
	return s.appends.next()
}

// attempt is one try at committing a batch.
type attempt struct {
	store       *Store
	batch       *batch
	lockTimeout time.Duration

	plan      *plan
	inDoubt   bool // it was sent, and no answer came
	session   session
	lockKey   int64   // of its advisory lock, where the session does not tell its transaction
	undecided []*call // which need another attempt
}

func (a *attempt) run() error {
	return a.store.lendFor(a.batch.ctx, a.limit(), func(conn *pgx.Conn) error {
		calls := a.store.appends.send(a.batch)
		if len(calls) == 0 {
			return a.batch.ctx.Err()
		}
		a.plan = newPlan(calls)
		in := newInsert(a.plan)
		if err := a.transact(a.batch.ctx, conn, in); err != nil {
			return err
		}
		if in.wrote() {
			a.store.wake.appended()
		}
		a.judge(a.batch.ctx, conn, in)
		return nil
	})
}

// limit is how long the attempt may have a connection: long enough to wait for a lock.
func (a *attempt) limit() time.Duration {
	late := 0
	for _, c := range a.batch.calls {
		late = max(late, c.late)
	}
	return a.store.answerTimeout(late) + a.lockTimeout
}

// transact sends everything at once: the server takes what comes in one go for a transaction, and commits it at the
// end. It is in doubt after any error that is not the database's refusal. (What pgx calls safe to retry is not to be
// relied upon here: it says so of a connection that closed after everything was sent.)
func (a *attempt) transact(ctx context.Context, conn *pgx.Conn, in *insert) error {
	batch := &pgx.Batch{}
	a.session = sessionOf(conn)
	switch careful := !a.session.direct || !a.session.plain; {
	case careful:
		if err := a.begin(ctx, conn); err != nil {
			return err
		}
		in.queue(batch, a.store.sql)
		batch.Queue(sqlCommit)
	default:
		in.queueAlone(batch, a.store.sql, milliseconds(a.lockTimeout))
	}
	err := sendLean(ctx, conn, batch)
	a.inDoubt = err != nil && !isRefusal(err) && !wasNotSent(err)
	return err
}

// begin opens a transaction in a round trip of its own, where a statement by itself would run in another kind of
// transaction, and where a pooler hides which backend has it: then its lock tells when it is over.
func (a *attempt) begin(ctx context.Context, conn *pgx.Conn) error {
	batch := &pgx.Batch{}
	batch.Queue(sqlBeginWrite)
	batch.Queue(sqlProtect, a.store.idleTimeout)
	batch.Queue(a.store.sql.announce, milliseconds(a.lockTimeout)).QueryRow(func(row pgx.Row) error {
		return row.Scan(&a.session.backend, &a.lockKey, nil, nil, nil)
	})
	return conn.SendBatch(ctx, batch).Close()
}

// judge answers the calls of a batch that has been committed.
func (a *attempt) judge(ctx context.Context, conn *pgx.Conn, in *insert) {
	for _, planned := range a.plan.appends {
		answer, decided := planned.judge(in)
		if !decided && planned.mayRepeat() {
			answer, decided = planned.findRepeat(ctx, conn, a.store.sql, in)
		}
		if !decided {
			a.undecided = append(a.undecided, planned.call)
			continue
		}
		planned.call.answers <- answer
	}
}

// sortOut ends an attempt. Those of its calls that are not answered go back into the queue, unless they must wait for
// something that nobody else is to wait for.
func (s *Store) sortOut(a *attempt, err error) {
	b := a.batch
	if a.inDoubt {
		s.appends.holdOn(b)
		s.appends.running.Go(func() { s.resolve(a, err) })
		return
	}
	if err == nil {
		s.appends.finish(b, a.undecided)
		return
	}
	calls := s.appends.unsend(b.calls)
	switch {
	case isConnectionLoss(b.ctx, err):
		s.appends.finish(b, pauseAfterLoss(b, calls, err))
	case isLockTimeout(err) && len(calls) == 1:
		s.appends.holdOn(b)
		s.appends.running.Go(func() { s.waitAlone(b) })
	case len(calls) > 1 || isRace(err):
		s.appends.finish(b, isolate(calls, err))
	default:
		s.appends.finish(b, nil)
		fail(calls, err)
	}
}

// waitAlone tries an append that has waited in vain for a stream. Few of those have a connection at a time, lest they
// take them all from appends that need not wait.
func (s *Store) waitAlone(b *batch) {
	waiting := s.waitingAlone.Add(1)
	defer s.waitingAlone.Add(-1)
	select {
	case s.patient <- struct{}{}:
	case <-b.ctx.Done():
		s.appends.finish(b, nil)
		return
	}
	a := &attempt{store: s, batch: b, lockTimeout: max(laneLockTimeout, s.patience/time.Duration(waiting))}
	err := a.run()
	<-s.patient
	_ = sleep(b.ctx, firstPause) // others may have the connection
	s.sortOut(a, err)
}

func describeAppend(writes []eventstore.Write, err error) error {
	if isConflict(err) {
		return err // it names its stream
	}
	if others := len(writes) - 1; others > 0 {
		return fmt.Errorf("append to stream %q and %d more: %w", writes[0].Stream, others, err)
	}
	return fmt.Errorf("append to stream %q: %w", writes[0].Stream, err)
}
