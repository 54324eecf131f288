package main

import (
	"context"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
)

const (
	// lookEvery is how often it is looked whether everything is done.
	lookEvery = 200 * time.Millisecond

	// restWithin is how long that may take at most, although something still happens.
	restWithin = 3 * wait.Patience
)

const (
	sqlLastOrder = `SELECT coalesce(max(position), 0) FROM pasttense.events WHERE category = '` + orderCategory + `'`

	// sqlRecords counts the records of all instances.
	sqlRecords = `SELECT count(*) FROM pasttense.events WHERE category = '$pm.` + processName + `'`
)

// awaitRest waits until all events are handled and no instance has anything to do, as long as something happens. What is
// parked it has retried.
func (t *torture) awaitRest(ctx context.Context, o *operator) error {
	var records int64
	begun := time.Now()
	for since := begun; ; {
		resting, err := t.isAtRest(ctx)
		if err != nil || resting {
			return err
		}
		if err := o.retryParked(ctx, 1); err != nil {
			return err
		}
		var now int64
		if err := t.main.Pool.QueryRow(ctx, sqlRecords).Scan(&now); err != nil {
			return fmt.Errorf("count the records: %w", err)
		}
		if now > records {
			records, since = now, time.Now()
		}
		if time.Since(since) > wait.Patience || time.Since(begun) > restWithin {
			return t.objectToWhatIsLeft(ctx)
		}
		if !wait.For(ctx, lookEvery) {
			return ctx.Err()
		}
	}
}

// isAtRest reports whether no instance has an entry and all events of orders are handled. An instance that is not over
// has an entry, and one that has none sends no commands, so that there are no further events.
func (t *torture) isAtRest(ctx context.Context) (bool, error) {
	idle, err := t.isIdle(ctx)
	if err != nil || !idle {
		return false, err
	}
	var last int64
	if err := t.main.Pool.QueryRow(ctx, sqlLastOrder).Scan(&last); err != nil {
		return false, fmt.Errorf("look for the last event: %w", err)
	}
	checkpoints, err := t.main.Target.Checkpoints(ctx, t.manager.Consumer())
	if err != nil {
		return false, err
	}
	for _, at := range checkpoints {
		if at.Position < eventstore.Position(last) {
			return false, nil
		}
	}
	return t.isIdle(ctx)
}

func (t *torture) isIdle(ctx context.Context) (bool, error) {
	entries, err := t.manager.Entries(ctx, eventstore.EntryQuery{Limit: 1})
	return len(entries) == 0, err
}

// objectToWhatIsLeft says what is not done, as nobody does it, or it does not end.
func (t *torture) objectToWhatIsLeft(ctx context.Context) error {
	entries, err := t.manager.Entries(ctx, eventstore.EntryQuery{})
	if err != nil {
		return err
	}
	for _, entry := range entries {
		t.report.findings.Note(lost, 1, "an instance is not done, and will not be: %+v", entry)
	}
	checkpoints, err := t.main.Target.Checkpoints(ctx, t.manager.Consumer())
	if err == nil && len(entries) == 0 {
		t.report.findings.Note(lost, 1, "not all is handled, and will not be: %+v", checkpoints)
	}
	return err
}
