package pgstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/agenda"
)

const (
	// sqlGiven and sqlTakeIn are the two ends of what takes in entries. They are given by instance, and it locks their
	// rows in that order, also those that it leaves as they are.
	sqlGiven = `
		INSERT INTO {schema}.instances AS i (
			process, instance, version, pending, parked, over, timers, commands_due_at, timers_due_at
		)
		SELECT $1::text, instance, version, pending, parked, over, timers::jsonb,
			CASE WHEN pending AND NOT parked THEN clock_timestamp() END,
			(timers::jsonb -> 0 ->> 'due_at')::timestamptz
		FROM unnest($2::text[], $3::bigint[], $4::boolean[], $5::boolean[], $6::boolean[], $7::text[])
			AS given (instance, version, pending, parked, over, timers)`

	// Timers that are the same remain due as they are: somebody may be about to fire them.
	sqlTakeIn = `
		ON CONFLICT (process, instance) DO UPDATE SET
			version = excluded.version, pending = excluded.pending, parked = excluded.parked, over = excluded.over,
			timers = excluded.timers,
			commands_due_at = CASE WHEN excluded.commands_due_at IS NOT NULL
				THEN coalesce(i.commands_due_at, excluded.commands_due_at) END,
			timers_due_at = CASE WHEN i.timers = excluded.timers THEN i.timers_due_at ELSE excluded.timers_due_at END,
			attempts = CASE WHEN ` + keepsAttempts + ` THEN i.attempts ELSE 0 END,
			reason = CASE WHEN ` + keepsAttempts + ` THEN i.reason ELSE '' END,
			updated_at = clock_timestamp()
		WHERE i.version <= excluded.version`

	// keepsAttempts is false where nothing is to be dispatched, and where what was parked is to be tried again.
	keepsAttempts = `excluded.pending AND (excluded.parked OR NOT i.parked)`

	// sqlPlan takes in nothing unless this transaction has made the move.
	sqlPlan = sqlGiven + `
		WHERE EXISTS (
			SELECT FROM {schema}.checkpoints
			WHERE consumer = $1 AND checkpoints.version = $8 AND partition = $9 AND xmin = pg_current_xact_id()::xid
		)` + sqlTakeIn

	sqlNote = sqlGiven + sqlTakeIn

	// sqlRemoveOver follows what has taken in the entries: their rows are locked already.
	sqlRemoveOver = `
		DELETE FROM {schema}.instances WHERE process = $1 AND instance = ANY ($2::text[]) AND over AND NOT pending`
)

// Plan implements [eventstore.Agenda], in one round trip unless the move parks, unparks or skips something.
func (t *Target) Plan(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
	return describeMove(move, t.plan(ctx, move, entries))
}

func (t *Target) plan(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
	if err := move.Validate(); err != nil {
		return err
	}
	prepared, err := agenda.Prepare(move.Consumer.Name, entries)
	if err != nil {
		return err
	}
	queue := func(batch *pgx.Batch) {
		t.queueEntries(batch, t.sql.plan, prepared, move.Consumer.Version, move.Partition)
	}
	if touchesParking(move) {
		return t.advance(ctx, move, nil, queue)
	}
	return t.moveOnly(ctx, move, queue)
}

// Note implements [eventstore.Agenda].
func (t *Target) Note(ctx context.Context, entry eventstore.Entry) error {
	prepared, err := agenda.Prepare(entry.Process, []eventstore.Entry{entry})
	if err == nil {
		err = t.execute(ctx, func(batch *pgx.Batch) {
			batch.Queue(sqlProtect, milliseconds(t.idleTimeout))
			t.queueEntries(batch, t.sql.note, prepared)
		})
	}
	if err != nil {
		return fmt.Errorf("note instance %q of process %q: %w", entry.Instance, entry.Process, err)
	}
	return nil
}

// queueEntries queues a statement that takes in prepared entries of one process, and removes those that are nothing.
func (t *Target) queueEntries(batch *pgx.Batch, statement string, entries []eventstore.Entry, more ...any) {
	if len(entries) == 0 {
		return
	}
	var given entryColumns
	var over []string
	for _, entry := range entries {
		given.add(entry)
		if agenda.IsNothing(entry) {
			over = append(over, entry.Instance)
		}
	}
	process := entries[0].Process
	batch.Queue(statement, append([]any{
		process, given.instances, given.versions, given.pending, given.parked, given.over, given.timers,
	}, more...)...)
	if len(over) > 0 {
		batch.Queue(t.sql.removeOver, process, over)
	}
}

// entryColumns are the entries that one statement takes in.
type entryColumns struct {
	instances             []string
	versions              []int64
	pending, parked, over []bool
	timers                []string
}

func (c *entryColumns) add(entry eventstore.Entry) {
	c.instances = append(c.instances, entry.Instance)
	c.versions = append(c.versions, int64(entry.Version))
	c.pending = append(c.pending, entry.Pending)
	c.parked = append(c.parked, entry.Parked)
	c.over = append(c.over, entry.Over)
	c.timers = append(c.timers, encodeTimers(entry.Timers))
}

// encodeTimers writes timers that are valid, and so can be written.
func encodeTimers(timers []eventstore.Timer) string {
	encoded, err := json.Marshal(timers)
	if err != nil {
		panic(fmt.Sprintf("pgstore: encode timers: %v", err))
	}
	return string(encoded)
}
