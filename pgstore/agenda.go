package pgstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	sqlPlan = `
		INSERT INTO {schema}.tasks AS t (process, instance, version, due_at)
		SELECT $1, instance, version, clock_timestamp() FROM unnest($2::text[], $3::bigint[]) AS p (instance, version)
		ON CONFLICT (process, instance) DO UPDATE SET version = greatest(t.version, excluded.version)`

	// sqlClaim passes over the tasks that another process is claiming at this moment.
	sqlClaim = `
		WITH due AS MATERIALIZED (
			SELECT process, instance, due_at FROM {schema}.tasks
			WHERE process = $1 AND due_at <= clock_timestamp()
			ORDER BY due_at, instance
			LIMIT $2
			FOR UPDATE SKIP LOCKED
		), claimed AS (
			UPDATE {schema}.tasks AS t SET due_at = clock_timestamp() + $3
			FROM due
			WHERE t.process = due.process AND t.instance = due.instance
			RETURNING ` + taskColumns + `, due.due_at AS was_due_at
		)
		SELECT process, instance, version, attempts, reason, due_at FROM claimed ORDER BY was_due_at, instance`

	// sqlPostpone counts an attempt only when it failed for a reason.
	sqlPostpone = `
		UPDATE {schema}.tasks SET
			attempts = attempts + CASE WHEN $3 = '' THEN 0 ELSE 1 END,
			reason = coalesce(nullif($3, ''), reason),
			due_at = clock_timestamp() + $4
		WHERE process = $1 AND instance = $2`

	sqlDone = `DELETE FROM {schema}.tasks WHERE process = $1 AND instance = $2 AND version <= $3`

	// sqlNotDone makes due what was planned meanwhile. It is a statement of its own, to see a plan that sqlDone has
	// waited for.
	sqlNotDone = `
		UPDATE {schema}.tasks SET attempts = 0, reason = '', due_at = clock_timestamp()
		WHERE process = $1 AND instance = $2 AND version > $3`

	sqlTasks = `SELECT ` + taskColumns + ` FROM {schema}.tasks AS t WHERE process = $1 ORDER BY due_at, instance`

	taskColumns = `t.process, t.instance, t.version, t.attempts, t.reason, t.due_at`
)

// Plan implements [eventstore.Agenda].
func (t *Target) Plan(ctx context.Context, move eventstore.Move, instances map[string]eventstore.Version) error {
	if err := move.Validate(); err != nil {
		return describeMove(move, err)
	}
	// Sorted, so that two processes lock the rows in the same order.
	keys := slices.Sorted(maps.Keys(instances))
	versions := make([]int64, len(keys))
	for i, key := range keys {
		versions[i] = int64(instances[key])
	}
	return describeMove(move, t.advance(ctx, move, nil, func(batch *pgx.Batch) {
		if len(keys) > 0 {
			batch.Queue(t.sql.plan, move.Consumer.Name, keys, versions)
		}
	}))
}

// Claim implements [eventstore.Agenda].
func (t *Target) Claim(
	ctx context.Context, process string, limit int, lease time.Duration,
) (tasks []eventstore.Task, err error) {
	err = t.execute(ctx, func(batch *pgx.Batch) {
		batch.Queue(t.sql.claim, process, max(limit, 0), lease).Query(func(rows pgx.Rows) (err error) {
			tasks, err = pgx.CollectRows(rows, scanTask)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("claim tasks of %q: %w", process, err)
	}
	return tasks, nil
}

// Postpone implements [eventstore.Agenda].
func (t *Target) Postpone(ctx context.Context, task eventstore.Task, delay time.Duration, reason string) error {
	err := t.execute(ctx, func(batch *pgx.Batch) {
		batch.Queue(t.sql.postpone, task.Process, task.Instance, storableText(reason), delay)
	})
	if err != nil {
		return fmt.Errorf("postpone the task of %q for instance %q: %w", task.Process, task.Instance, err)
	}
	return nil
}

// Done implements [eventstore.Agenda].
func (t *Target) Done(ctx context.Context, task eventstore.Task) error {
	err := t.execute(ctx, func(batch *pgx.Batch) {
		batch.Queue(t.sql.done, task.Process, task.Instance, task.Version)
		batch.Queue(t.sql.notDone, task.Process, task.Instance, task.Version)
	})
	if err != nil {
		return fmt.Errorf("finish the task of %q for instance %q: %w", task.Process, task.Instance, err)
	}
	return nil
}

// Tasks implements [eventstore.Agenda].
func (t *Target) Tasks(ctx context.Context, process string) (tasks []eventstore.Task, err error) {
	err = t.execute(ctx, func(batch *pgx.Batch) {
		batch.Queue(t.sql.tasks, process).Query(func(rows pgx.Rows) (err error) {
			tasks, err = pgx.CollectRows(rows, scanTask)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list the tasks of %q: %w", process, err)
	}
	return tasks, nil
}

func scanTask(row pgx.CollectableRow) (task eventstore.Task, err error) {
	err = row.Scan(&task.Process, &task.Instance, &task.Version, &task.Attempts, &task.Reason, &task.DueAt)
	task.DueAt = task.DueAt.UTC()
	return task, err
}
