package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/agenda"
)

const (
	// sqlClaim passes over the tasks that another process is claiming at this moment. The time is one that does not change
	// within the statement, for the index to serve it: that of the statement, where none is given.
	sqlClaim = `
		WITH due AS MATERIALIZED (
			SELECT instance, {due} AS was_due_at FROM {schema}.instances
			WHERE process = $1 AND {due} <= coalesce($4::timestamptz, statement_timestamp())
			ORDER BY {due}, instance
			LIMIT $2
			FOR UPDATE SKIP LOCKED
		), claimed AS (
			UPDATE {schema}.instances SET {due} = coalesce($4::timestamptz, statement_timestamp()) + $3::interval
			WHERE process = $1 AND instance = ANY (ARRAY(SELECT instance FROM due))
			RETURNING instance, version, attempts, {due} AS until
		)
		SELECT instance, version, attempts, coalesce($4::timestamptz, statement_timestamp()), until
		FROM claimed JOIN due USING (instance)
		ORDER BY was_due_at, instance`

	// sqlReleaseTask takes in an entry as sqlTakeIn does, and ends the leases that are not others' by now. It locks the row
	// also where it leaves it to sqlReleaseOlderTask, which follows it.
	sqlReleaseTask = `
		INSERT INTO {schema}.instances AS i (
			process, instance, version, pending, parked, over, timers, commands_due_at, timers_due_at
		)
		VALUES ($1, $2, $3, $10, $11, $12, $13::text::jsonb,
			CASE WHEN $10 AND NOT $11 THEN clock_timestamp() END,
			($13::text::jsonb -> 0 ->> 'due_at')::timestamptz)
		ON CONFLICT (process, instance) DO UPDATE SET
			version = excluded.version, pending = excluded.pending, parked = excluded.parked, over = excluded.over,
			timers = excluded.timers,
			commands_due_at = CASE
				WHEN excluded.commands_due_at IS NULL THEN NULL
				WHEN ` + holdsCommands + ` THEN clock_timestamp() + $8::interval
				ELSE coalesce(i.commands_due_at, excluded.commands_due_at) END,
			timers_due_at = CASE WHEN i.timers = excluded.timers AND i.timers_due_at IS DISTINCT FROM $9::timestamptz
				THEN i.timers_due_at ELSE excluded.timers_due_at END,
			attempts = CASE
				WHEN NOT (` + keepsAttempts + `) THEN 0
				WHEN ` + holdsCommands + ` THEN ` + attemptsAfter + `
				ELSE i.attempts END,
			reason = CASE
				WHEN NOT (` + keepsAttempts + `) THEN ''
				WHEN ` + holdsCommands + ` THEN ` + reasonAfter + `
				ELSE i.reason END,
			updated_at = clock_timestamp()
		WHERE i.version <= excluded.version`

	// sqlReleaseIdleTask stands in for sqlReleaseTask where nothing is left to do.
	sqlReleaseIdleTask = `
		UPDATE {schema}.instances SET
			version = $3, pending = false, parked = false, over = false, timers = '[]',
			commands_due_at = NULL, timers_due_at = NULL, attempts = 0, reason = '', updated_at = clock_timestamp()
		WHERE process = $1 AND instance = $2 AND version <= $3`

	// sqlReleaseOverTask does so where, besides, the instance is over.
	sqlReleaseOverTask = `DELETE FROM {schema}.instances WHERE process = $1 AND instance = $2 AND version <= $3`

	// sqlReleaseOlderTask ends leases where an entry of a greater version was taken in meanwhile.
	sqlReleaseOlderTask = `
		UPDATE {schema}.instances AS i SET
			commands_due_at = CASE WHEN ` + holdsCommands + ` THEN clock_timestamp() + $8::interval
				ELSE i.commands_due_at END,
			attempts = CASE WHEN ` + holdsCommands + ` THEN ` + attemptsAfter + ` ELSE i.attempts END,
			reason = CASE WHEN ` + holdsCommands + ` THEN ` + reasonAfter + ` ELSE i.reason END,
			timers_due_at = CASE WHEN ` + holdsTimers + ` THEN (i.timers -> 0 ->> 'due_at')::timestamptz
				ELSE i.timers_due_at END,
			updated_at = clock_timestamp()
		WHERE i.process = $1 AND i.instance = $2 AND i.version > $3 AND (` + holdsCommands + ` OR ` + holdsTimers + `)`

	holdsCommands = `i.commands_due_at = $4::timestamptz`
	holdsTimers   = `i.timers_due_at = $9::timestamptz`
	attemptsAfter = `CASE WHEN $6 THEN 0 ELSE i.attempts END + $5::boolean::integer`
	reasonAfter   = `CASE WHEN $5 THEN $7 WHEN $6 THEN '' ELSE i.reason END`
)

// fillDue fills in the column that has when a duty is due.
func fillDue(statement, column string) string { return strings.ReplaceAll(statement, "{due}", column) }

// Claim implements [eventstore.Agenda], in one round trip. Its cost depends on how many tasks are due, and neither on how
// many instances are open nor on how many timers are set.
func (t *Target) Claim(
	ctx context.Context, process string, duty eventstore.Duty, now time.Time, limit int, lease time.Duration,
) (tasks []eventstore.Task, err error) {
	err = eventstore.ValidateClaim(process, duty, limit, lease)
	if err == nil {
		var given *time.Time
		if duty == eventstore.DutyTimers {
			given = orNull(agenda.Time(now))
		}
		err = t.execute(ctx, func(batch *pgx.Batch) {
			batch.Queue(sqlUnhurried)
			batch.Queue(t.sql.claim[duty], process, limit, lease, given).Query(func(rows pgx.Rows) (err error) {
				tasks, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (eventstore.Task, error) {
					task := eventstore.Task{Process: process, Duty: duty}
					err := row.Scan(&task.Instance, &task.Version, &task.Attempts, &task.ClaimedAt, &task.Until)
					task.ClaimedAt, task.Until = task.ClaimedAt.UTC(), task.Until.UTC()
					return task, err
				})
				return err
			})
		})
	}
	if err != nil {
		return nil, fmt.Errorf("claim tasks of process %q: %w", process, err)
	}
	return tasks, nil
}

// Release implements [eventstore.Agenda], in one round trip.
func (t *Target) Release(ctx context.Context, releases ...eventstore.Release) error {
	if len(releases) == 0 {
		return nil
	}
	joined, err := agenda.Join(releases)
	if err == nil {
		err = t.execute(ctx, func(batch *pgx.Batch) {
			batch.Queue(sqlUnhurried)
			for _, release := range joined {
				t.queueRelease(batch, release)
			}
		})
	}
	if err != nil {
		first := releases[0].Task
		return fmt.Errorf("release %d tasks, of instance %q of process %q first: %w",
			len(releases), first.Instance, first.Process, err)
	}
	return nil
}

func (t *Target) queueRelease(batch *pgx.Batch, r agenda.Release) {
	e := r.Entry
	lease := []any{
		e.Process, e.Instance, e.Version,
		orNull(r.CommandsUntil), r.Failed, r.Progress, storableText(r.Reason), r.Delay, orNull(r.TimersUntil),
	}
	switch {
	case agenda.IsNothing(e):
		batch.Queue(t.sql.releaseOver, e.Process, e.Instance, e.Version)
	case agenda.IsIdle(e):
		batch.Queue(t.sql.releaseIdle, e.Process, e.Instance, e.Version)
	default:
		left := []any{e.Pending, e.Parked, e.Over, encodeTimers(e.Timers)}
		batch.Queue(t.sql.release, slices.Concat(lease, left)...)
	}
	batch.Queue(t.sql.releaseOlder, lease...)
}

// orNull returns a time as Postgres is to have it, where the zero time is none.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
