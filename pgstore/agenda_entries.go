package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlEntries goes on with the conditions of a query, so that each has a plan of its own, and ends with sqlEntriesEnd.
	sqlEntries = `
		SELECT instance, version, pending, parked, over, timers, commands_due_at, attempts, reason, updated_at
		FROM {schema}.instances
		WHERE process = $1`
	sqlEntriesEnd = `
		ORDER BY instance
		LIMIT nullif($3::bigint, 0)`

	sqlSummary = `
		SELECT count(*), count(*) FILTER (WHERE pending), count(*) FILTER (WHERE parked), count(timers_due_at),
			clock_timestamp(), least(min(commands_due_at), min(timers_due_at))
		FROM {schema}.instances
		WHERE process = $1`
)

// Entries implements [eventstore.Agenda].
func (t *Target) Entries(
	ctx context.Context, process string, query eventstore.EntryQuery,
) (entries []eventstore.Entry, err error) {
	err = eventstore.ValidateConsumer(process)
	if err == nil {
		err = query.Validate()
	}
	if err == nil && (query.Instance == "" || query.Instance > query.After) {
		statement, key := t.entriesStatement(query)
		rows, _ := t.pool.Query(ctx, statement, process, key, query.Limit)
		entries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (eventstore.Entry, error) {
			return scanEntry(row, process)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("list instances of process %q: %w", process, err)
	}
	return entries, nil
}

// entriesStatement returns the statement of a query, and the key that its $2 is.
func (t *Target) entriesStatement(query eventstore.EntryQuery) (statement, key string) {
	statement, key = t.sql.entries+" AND instance > $2", query.After
	if query.Instance != "" {
		statement, key = t.sql.entries+" AND instance = $2", query.Instance
	}
	if query.Pending {
		statement += " AND pending"
	}
	if query.Parked {
		statement += " AND parked"
	}
	if query.WithTimers {
		statement += " AND timers_due_at IS NOT NULL"
	}
	return statement + sqlEntriesEnd, key
}

func scanEntry(row pgx.CollectableRow, process string) (eventstore.Entry, error) {
	e := eventstore.Entry{Process: process}
	var commandsDueAt *time.Time
	err := row.Scan(&e.Instance, &e.Version, &e.Pending, &e.Parked, &e.Over, &e.Timers, &commandsDueAt, &e.Attempts,
		&e.Reason, &e.UpdatedAt)
	if len(e.Timers) == 0 {
		e.Timers = nil
	}
	if commandsDueAt != nil {
		e.CommandsDueAt = commandsDueAt.UTC()
	}
	e.UpdatedAt = e.UpdatedAt.UTC()
	return e, err
}

// Summary implements [eventstore.Agenda]. It reads all entries of the process.
func (t *Target) Summary(ctx context.Context, process string) (summary eventstore.AgendaSummary, err error) {
	var now time.Time
	var due *time.Time
	err = eventstore.ValidateConsumer(process)
	if err == nil {
		err = t.pool.QueryRow(ctx, t.sql.summary, process).Scan(
			&summary.Open, &summary.Pending, &summary.Parked, &summary.WithTimers, &now, &due)
	}
	if err != nil {
		return eventstore.AgendaSummary{}, fmt.Errorf("count the instances of process %q: %w", process, err)
	}
	if due != nil {
		summary.Overdue = max(now.Sub(*due), 0)
	}
	return summary, nil
}
