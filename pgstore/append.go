package pgstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlBeginWrite says what it needs, as a database's defaults may be anything.
	sqlBeginWrite = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`

	// sqlLimitWait keeps an append from waiting long, with a connection and its lower bound in hand, for a stream that
	// somebody's open transaction has written to.
	sqlLimitWait = `SET LOCAL lock_timeout = '50ms'`
)

const (
	firstPause = 2 * time.Millisecond
	maxPause   = 250 * time.Millisecond

	// maxLost is how many connections an append may lose before it gives up. It bridges terminated backends, not an
	// outage: the caller knows better how long to wait for that.
	maxLost = 5
)

// Append implements [eventstore.Store]. It commits in a transaction of its own, on a connection of the store's.
//
// An append that races with another one, is chosen as a deadlock's victim, or meets a stream that an open transaction
// has written to is tried again until it is decided or ctx ends; one that loses its connection before the commit, a few
// times. When the connection is lost during the commit, Append waits until the old transaction is over and looks
// whether the events are there; when ctx ends first it returns [eventstore.ErrOutcomeUnknown].
func (s *Store) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	prepared, err := eventstore.Prepare(ctx, writes)
	if err != nil {
		return eventstore.AppendResult{}, err
	}
	result, err := s.appendUntilDecided(ctx, prepared)
	if err != nil {
		return eventstore.AppendResult{}, describeAppend(writes, err)
	}
	if prepared.Events > 0 {
		s.wake.appended()
	}
	return result, nil
}

// appendUntilDecided makes attempts until the append is acknowledged or refused.
func (s *Store) appendUntilDecided(ctx context.Context, prepared eventstore.Prepared) (eventstore.AppendResult, error) {
	lost, patient := 0, false
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		attempt := attempt{store: s, prepared: prepared}
		result, err := attempt.runIn(ctx, patient)
		switch {
		case err == nil:
			return result, nil
		case attempt.inDoubt:
			result, found, err := s.resolve(ctx, &attempt)
			if found || err != nil {
				return result, err
			}
		case isConnectionLoss(ctx, err) && lost < maxLost:
			lost++
		case isLockTimeout(err):
			patient = true
		case !isRace(err):
			return eventstore.AppendResult{}, err
		}
		if err := sleep(ctx, pause/2+rand.N(pause/2)); err != nil {
			return eventstore.AppendResult{}, err
		}
	}
}

// attempt is one try at committing an append.
type attempt struct {
	store    *Store
	prepared eventstore.Prepared

	backend uint32 // its process ID
	lockKey int64  // the key of its advisory lock
	inDoubt bool   // the commit was sent, and no answer came
}

// runIn runs the attempt. A patient one has waited in vain for a stream before: few of those have a connection at a time,
// lest they take them all from appends that need not wait.
func (a *attempt) runIn(ctx context.Context, patient bool) (eventstore.AppendResult, error) {
	if patient {
		select {
		case a.store.patient <- struct{}{}:
			defer func() { <-a.store.patient }()
		case <-ctx.Done():
			return eventstore.AppendResult{}, ctx.Err()
		}
	}
	return a.run(ctx)
}

func (a *attempt) run(ctx context.Context) (eventstore.AppendResult, error) {
	var result eventstore.AppendResult
	err := a.store.withConn(ctx, func(conn *pgx.Conn) (err error) {
		result, err = a.transact(ctx, conn)
		return err
	})
	return result, err
}

func (a *attempt) transact(ctx context.Context, conn *pgx.Conn) (eventstore.AppendResult, error) {
	decision := &decision{sql: a.store.sql, prepared: a.prepared}
	if err := a.begin(ctx, conn, decision); err != nil {
		return eventstore.AppendResult{}, err
	}
	result, repeat, err := decision.judge()
	if err != nil || repeat {
		return result, err
	}
	result, err = decision.insert(ctx, conn)
	if err != nil {
		return eventstore.AppendResult{}, err
	}
	return result, a.commit(ctx, conn)
}

// begin opens the transaction, reads what the append is judged by and announces its lower bound, in one round trip. The
// lock comes last, so that it is not held while a slow client takes in what was read.
func (a *attempt) begin(ctx context.Context, conn *pgx.Conn, decision *decision) error {
	batch := &pgx.Batch{}
	batch.Queue(sqlBeginWrite)
	batch.Queue(sqlProtect, a.store.idleTimeout)
	batch.Queue(sqlLimitWait)
	decision.queueReads(batch)
	batch.Queue(a.store.sql.lock).QueryRow(func(row pgx.Row) error { return row.Scan(&a.backend, &a.lockKey, nil) })
	return conn.SendBatch(ctx, batch).Close()
}

// commit is in doubt after any error that is not the database's refusal. (What pgx calls safe to retry is not to be
// relied upon here: it says so of a connection that closed after the commit was sent.)
func (a *attempt) commit(ctx context.Context, conn *pgx.Conn) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	tag, err := conn.Exec(ctx, sqlCommit)
	switch {
	case err == nil && tag.String() == "COMMIT":
		return nil
	case err == nil:
		return fmt.Errorf("commit: the database rolled the transaction back")
	}
	a.inDoubt = !isRefusal(err)
	return fmt.Errorf("commit: %w", err)
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

// sleep waits for d, or returns the error of ctx when that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
