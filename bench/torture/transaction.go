package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
)

// appended is an append in a transaction that is still open.
type appended struct {
	plan   *plan
	result eventstore.AppendResult
	floor  eventstore.Position
}

// transaction calls AppendTx in a transaction that it holds open for a while, and then commits or rolls back.
func (w *writer) transaction(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, wait.Patience)
	defer cancel()
	levels := []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable}
	tx, err := w.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: levels[w.rng.IntN(len(levels))]})
	if err != nil {
		w.failedUnless(ctx, "transaction", err)
		return
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()

	var open []appended
	for range 1 + w.rng.IntN(3) {
		done, err := w.appendIn(ctx, tx)
		open = append(open, done...)
		if err != nil {
			w.rolledBack(open)
			return
		}
		wait.For(ctx, w.hold())
	}
	if w.rng.IntN(4) == 0 {
		if tx.Rollback(ctx) == nil {
			w.report.count("transaction: rolled back")
		}
		w.rolledBack(open)
		return
	}
	w.commit(ctx, tx, open)
}

// hold returns how long to leave a transaction open: usually milliseconds, now and then seconds.
func (w *writer) hold() time.Duration {
	switch n := w.rng.IntN(1000); {
	case n == 0:
		return time.Duration(w.rng.Int64N(int64(3 * time.Second)))
	case n < 20:
		return time.Duration(w.rng.Int64N(int64(300 * time.Millisecond)))
	default:
		return time.Duration(w.rng.Int64N(int64(15 * time.Millisecond)))
	}
}

// appendIn appends in the transaction, half of the time behind a savepoint that it may roll back to. It returns what is to
// be committed, and an error when the transaction is lost.
func (w *writer) appendIn(ctx context.Context, tx pgx.Tx) ([]appended, error) {
	if w.rng.IntN(2) == 0 {
		one, err := w.appendOnce(ctx, tx)
		return one, err
	}
	savepoint, err := tx.Begin(ctx)
	if err != nil {
		w.failedUnless(ctx, "transaction", err)
		return nil, err
	}
	one, appendErr := w.appendOnce(ctx, savepoint)
	if appendErr == nil && w.rng.IntN(3) > 0 {
		return one, savepoint.Commit(ctx)
	}
	wait.For(ctx, w.hold())
	if err := savepoint.Rollback(ctx); err != nil {
		return one, err
	}
	if appendErr == nil {
		w.report.count("transaction: rolled back to a savepoint")
	}
	w.rolledBack(one)
	return nil, nil
}

// appendOnce reports an append that was refused, and returns one that was made.
func (w *writer) appendOnce(ctx context.Context, tx pgx.Tx) ([]appended, error) {
	p := w.plan()
	floor := eventstore.Position(w.highest.Load())
	result, err := w.appender.AppendTx(ctx, tx, p.writes...)
	if err == nil {
		return []appended{{p, result, floor}}, nil
	}
	kind := classify(err)
	switch {
	case kind == "" || kind == deadlineError && !w.interrupted(ctx):
		w.report(report{Wrong: "unexpected error of AppendTx: " + err.Error(), Records: p.outcome(refused)})
	default:
		w.refuse(p, "transaction", kind, err)
	}
	return nil, err
}

func (w *writer) commit(ctx context.Context, tx pgx.Tx, open []appended) {
	err := tx.Commit(ctx)
	var refusal *pgconn.PgError
	switch {
	case err == nil:
		for _, a := range open {
			w.acknowledge(a.plan, a.result, a.floor)
		}
		w.report.count("transaction: committed")
	case errors.Is(err, pgx.ErrTxCommitRollback), errors.As(err, &refusal) && refusal.SeverityUnlocalized == "ERROR":
		w.report.count("transaction: refused at the commit")
		w.rolledBack(open)
	case classify(err) == "":
		w.report.wrong("unexpected error of a commit: %v", err)
		w.unknownCommit(ctx, open)
	default:
		w.report.count("transaction: " + unknownError)
		w.unknownCommit(ctx, open)
	}
}

func (w *writer) rolledBack(open []appended) {
	for _, a := range open {
		w.report(report{Counts: []string{"append: rolled back"}, Records: a.plan.outcome(refused)})
	}
}

// unknownCommit finds out what became of the appends that can be repeated.
func (w *writer) unknownCommit(ctx context.Context, open []appended) {
	for _, a := range open {
		if a.plan.given {
			w.findOut(ctx, a.plan)
		} else {
			w.report(report{Records: a.plan.outcome(unknown)})
		}
	}
}

func (w *writer) failedUnless(ctx context.Context, what string, err error) {
	if !w.interrupted(ctx) {
		w.failed(what, err)
	}
}

// interrupted reports whether ctx was canceled, rather than that time has run out.
func (w *writer) interrupted(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }
