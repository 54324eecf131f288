package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pasttense/pasttense/eventstore"
)

var _ eventstore.Snapshots = (*Store)(nil)

// snapshotLockTimeout is how long a save waits for somebody's transaction that has locked the snapshot. A session that
// was forgotten in the middle of a deletion must not keep the store's connections from those who append.
const snapshotLockTimeout = time.Second

const (
	sqlLoadSnapshot = `
		SELECT version, position, event_id, data, taken_at
		FROM {schema}.snapshots
		WHERE category = $1 AND stream_key = $2 AND kind = $3`

	// sqlSaveSnapshot is one statement, and so one round trip. Its commit is acknowledged before it is on disk. What is
	// removed is locked without waiting: savers of two kinds could wait for each other otherwise.
	sqlSaveSnapshot = `
		WITH settings AS MATERIALIZED (
			SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', $9, true)
		), outlived AS MATERIALIZED (
			SELECT o.kind
			FROM {schema}.snapshots AS o, (SELECT clock_timestamp() - $8::bigint * interval '1 microsecond' AS time) AS past
			WHERE o.category = $1 AND o.stream_key = $2 AND o.kind <> $3 AND o.taken_at < past.time AND EXISTS (
				SELECT FROM {schema}.snapshots AS own
				WHERE own.category = $1 AND own.stream_key = $2 AND own.kind = $3 AND own.since < past.time
			)
			FOR UPDATE OF o SKIP LOCKED
		), removed AS (
			DELETE FROM {schema}.snapshots AS s
			WHERE s.category = $1 AND s.stream_key = $2 AND s.kind IN (SELECT kind FROM outlived)
		)
		INSERT INTO {schema}.snapshots AS s (category, stream_key, kind, version, position, event_id, data)
		SELECT $1, $2, $3, $4, $5, $6, $7
		FROM settings
		ON CONFLICT (category, stream_key, kind) DO UPDATE SET
			version = excluded.version, position = excluded.position, event_id = excluded.event_id, data = excluded.data,
			taken_at = excluded.taken_at
		WHERE s.version < excluded.version`

	// Between sqlDeleteSnapshots and sqlDeleteSnapshotsEnd come the conditions of a selection. The rows are locked by their
	// key, so that two deletions do not wait for each other.
	sqlDeleteSnapshots = `
		DELETE FROM {schema}.snapshots AS s
		USING (
			SELECT category, stream_key, kind FROM {schema}.snapshots
			WHERE true`
	sqlDeleteSnapshotsEnd = `
			ORDER BY category, stream_key, kind
			FOR UPDATE
		) AS selected
		WHERE s.category = selected.category AND s.stream_key = selected.stream_key AND s.kind = selected.kind`
)

// LoadSnapshot implements [eventstore.Snapshots].
func (s *Store) LoadSnapshot(
	ctx context.Context, stream eventstore.StreamID, kind string,
) (snapshot eventstore.Snapshot, found bool, err error) {
	fail := func(err error) (eventstore.Snapshot, bool, error) {
		return eventstore.Snapshot{}, false, fmt.Errorf("load a snapshot of stream %q: %w", stream, err)
	}
	if err := errors.Join(stream.Validate(), eventstore.ValidateSnapshotKind(kind)); err != nil {
		return fail(err)
	}
	snapshot = eventstore.Snapshot{Stream: stream, Kind: kind}
	err = s.readRows(ctx, func(rows pgx.Rows) error {
		err := scanSnapshot(rows, &snapshot)
		found = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	}, s.sql.loadSnapshot, stream.Category, stream.Key, kind)
	if err != nil {
		return fail(err)
	}
	if !found {
		return eventstore.Snapshot{}, false, nil
	}
	return snapshot, true, nil
}

// scanSnapshot reads the one row that there may be.
func scanSnapshot(rows pgx.Rows, snapshot *eventstore.Snapshot) error {
	_, err := pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var id [16]byte
		err := row.Scan(&snapshot.Version, &snapshot.Position, &id, &snapshot.Data, &snapshot.TakenAt)
		snapshot.EventID, snapshot.TakenAt = id, snapshot.TakenAt.UTC()
		return struct{}{}, err
	})
	return err
}

// SaveSnapshot implements [eventstore.Snapshots]. It is not on disk when SaveSnapshot returns: after a crash of the
// database the snapshot may be the one before. It never outlives its events. The role needs the rights of Roles.Writer.
func (s *Store) SaveSnapshot(ctx context.Context, snapshot eventstore.Snapshot) error {
	err := snapshot.Validate()
	if err == nil {
		err = s.untilAnswered(ctx, func(conn *pgx.Conn) error { return s.saveSnapshot(ctx, conn, snapshot) })
	}
	if err != nil {
		return fmt.Errorf("save a snapshot of stream %q: %w", snapshot.Stream, explainDenial(err))
	}
	return nil
}

func (s *Store) saveSnapshot(ctx context.Context, conn *pgx.Conn, snapshot eventstore.Snapshot) error {
	data := snapshot.Data
	if data == nil {
		data = []byte{} // pgx takes nil for NULL
	}
	arguments := []any{
		snapshot.Stream.Category, snapshot.Stream.Key, snapshot.Kind, int64(snapshot.Version), int64(snapshot.Position),
		uuidOf(snapshot.EventID), data, eventstore.SnapshotRetention.Microseconds(), milliseconds(snapshotLockTimeout),
	}
	if sessionOf(conn).plain {
		_, err := conn.Exec(ctx, s.sql.saveSnapshot, arguments...)
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(sqlBeginWrite)
	batch.Queue(s.sql.saveSnapshot, arguments...)
	batch.Queue(sqlCommit)
	return conn.SendBatch(ctx, batch).Close()
}

// DeleteSnapshots implements [eventstore.Snapshots]. It is one transaction, which may take long where they are many: it
// is bounded by ctx alone. The role needs the rights of Roles.Writer.
func (s *Store) DeleteSnapshots(ctx context.Context, selection eventstore.SnapshotSelection) (int, error) {
	deleted, err := s.deleteSnapshots(ctx, selection)
	if err != nil {
		return 0, fmt.Errorf("delete snapshots%s: %w", describeSelection(selection), explainDenial(err))
	}
	return int(deleted), nil
}

func (s *Store) deleteSnapshots(
	ctx context.Context, selection eventstore.SnapshotSelection,
) (deleted int64, err error) {
	if err := selection.Validate(); err != nil {
		return 0, err
	}
	conditions, arguments := snapshotConditions(selection)
	err = s.withConn(ctx, func(conn *pgx.Conn) error {
		batch := &pgx.Batch{}
		batch.Queue(sqlBeginWrite)
		batch.Queue(s.sql.deleteSnapshots+conditions+sqlDeleteSnapshotsEnd, arguments...).Exec(countRows(&deleted))
		batch.Queue(sqlCommit)
		return conn.SendBatch(ctx, batch).Close()
	})
	return deleted, err
}

// snapshotConditions returns what a selection adds to a statement. Each has a statement, and so a plan, of its own.
func snapshotConditions(selection eventstore.SnapshotSelection) (conditions string, arguments []any) {
	var added strings.Builder
	for _, condition := range []struct{ column, value string }{
		{"category", selection.Category}, {"stream_key", selection.Key}, {"kind", selection.Kind},
	} {
		if condition.value != "" {
			arguments = append(arguments, condition.value)
			fmt.Fprintf(&added, " AND %s = $%d", condition.column, len(arguments))
		}
	}
	return added.String(), arguments
}

func describeSelection(selection eventstore.SnapshotSelection) string {
	var described string
	switch {
	case selection.Key != "":
		described = fmt.Sprintf(" of stream %q", eventstore.StreamID{Category: selection.Category, Key: selection.Key})
	case selection.Category != "":
		described = fmt.Sprintf(" of category %q", selection.Category)
	}
	if selection.Kind != "" {
		described += fmt.Sprintf(" of kind %q", selection.Kind)
	}
	return described
}

// explainDenial says what to do about a role that may not write snapshots.
func explainDenial(err error) error {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == codeInsufficientPrivilege {
		return fmt.Errorf("the role may not write snapshots, grant it that of Roles.Writer: %w", err)
	}
	return err
}
