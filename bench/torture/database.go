package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/bench/internal/findings"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// sqlRows reads the whole table, by plain SQL.
const sqlRows = `
	SELECT position, version, category, stream_key, type, content_type, event_id, data::text, data_binary, metadata
	FROM pasttense.events
	ORDER BY position`

// sqlInvariants each count what there must be none of.
var sqlInvariants = map[string]string{
	"streams whose versions are not 1 to n": `
		SELECT count(*) FROM (
			SELECT FROM pasttense.events GROUP BY category, stream_key
			HAVING min(version) <> 1 OR max(version) <> count(*) OR count(DISTINCT version) <> count(*)
		) AS streams`,
	"positions that fall while versions grow": `
		SELECT count(*) FROM (
			SELECT position < lag(position) OVER (PARTITION BY category, stream_key ORDER BY version) AS falls
			FROM pasttense.events
		) AS events WHERE falls`,
	"pairs of appends that exclude each other and were both made": `
		SELECT count(*) FROM (
			SELECT FROM pasttense.events WHERE category = 'skew' GROUP BY stream_key::bigint / 2
			HAVING count(DISTINCT stream_key) > 1
		) AS pairs`,
	"rows that are no events": `SELECT count(*) FROM pasttense.events WHERE position <= 0`,
	"event IDs that are in a stream twice": `
		SELECT count(*) FROM (
			SELECT FROM pasttense.events GROUP BY category, stream_key, event_id HAVING count(*) > 1
		) AS twice`,
	"positions beyond the sequence": `
		SELECT count(*) FROM pasttense.events WHERE position > (SELECT last_value FROM pasttense.events_position)`,
}

// sqlStreams names streams to read: those with the most events, and some others.
const sqlStreams = `
	SELECT category, stream_key, count(*) FROM pasttense.events
	GROUP BY category, stream_key
	ORDER BY count(*) DESC, category, stream_key
	LIMIT 200`

// tally says how many events are in the table.
type tally struct {
	all    int
	child  int // appended by the child process
	untold int // of those, appended when it was killed before it could tell
}

// verify compares what was reported with what is there, after everybody has stopped.
func verify(
	ctx context.Context, url string, store *pgstore.Store, c *collector, killed int,
) (rows tally, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return tally{}, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if rows, err = verifyRows(ctx, conn, store, c, killed); err != nil {
		return rows, err
	}
	for what, statement := range sqlInvariants {
		var count int
		if err := conn.QueryRow(ctx, statement).Scan(&count); err != nil {
			return rows, fmt.Errorf("count %s: %w", what, err)
		}
		if count > 0 {
			c.findings.Object("%d %s", count, what)
		}
	}
	return rows, verifyStreams(ctx, conn, store, c.findings)
}

// verifyRows goes once through the table, and at the same pace through ReadAll and what each subscriber saw.
func verifyRows(
	ctx context.Context, conn *pgx.Conn, store *pgstore.Store, c *collector, killed int,
) (rows tally, err error) {
	ledger, err := newLedger(c.ledger.all(), killed, c.findings)
	if err != nil {
		return tally{}, err
	}
	followers := []*follower{newFollower("ReadAll", readAll(ctx, store), c.findings)}
	filters := []eventstore.Filter{{}}
	for _, f := range c.followers {
		followers = append(followers, newFollower(f.Name, f.seen.all(), c.findings))
		filters = append(filters, f.Filter)
	}
	for event, err := range readTable(ctx, conn) {
		if err != nil {
			return rows, err
		}
		rows.all++
		t, tagErr := tagOf(event)
		stream, streamErr := streamOf(event.Stream)
		if err := errors.Join(tagErr, streamErr); err != nil {
			c.findings.Note(lost, 1, "%v", err)
			continue
		}
		if t.incarnation() > 0 {
			rows.child++
		}
		ledger.row(row{t, stream, int64(event.Version), int64(event.Position)})
		there := sighting{int64(event.Position), digest(t, stream, event.Version)}
		for i, filter := range filters {
			if filter.Matches(event.Stream.Category, event.Type) {
				err = errors.Join(err, followers[i].row(there))
			}
		}
		if err != nil {
			return rows, err
		}
	}
	ledger.finish()
	rows.untold = len(ledger.told)
	for _, f := range followers {
		err = errors.Join(err, f.finish())
	}
	return rows, err
}

func readAll(ctx context.Context, store *pgstore.Store) iter.Seq2[sighting, error] {
	return func(yield func(sighting, error) bool) {
		for event, err := range store.ReadAll(ctx, 0, eventstore.Filter{}) {
			if err != nil {
				yield(sighting{}, err)
				return
			}
			if !yield(sight(event)) {
				return
			}
		}
	}
}

// readTable reads the events without the library.
func readTable(ctx context.Context, conn *pgx.Conn) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		rows, err := conn.Query(ctx, sqlRows)
		if err != nil {
			yield(eventstore.RecordedEvent{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			if !yield(scanRow(rows)) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(eventstore.RecordedEvent{}, err)
		}
	}
}

func scanRow(rows pgx.Rows) (event eventstore.RecordedEvent, err error) {
	var (
		id       [16]byte
		data     *string
		metadata *eventstore.Metadata
	)
	err = rows.Scan(&event.Position, &event.Version, &event.Stream.Category, &event.Stream.Key, &event.Type,
		&event.ContentType, &id, &data, &event.Data, &metadata)
	event.ID = uuid.UUID(id)
	if data != nil {
		event.Data = []byte(*data)
	}
	if metadata != nil {
		event.Metadata = *metadata
	}
	return event, err
}

// verifyStreams reads streams with ReadStream, both ways.
func verifyStreams(ctx context.Context, conn *pgx.Conn, store *pgstore.Store, found *findings.Findings) error {
	type stream struct {
		Category, Key string
		Count         int
	}
	rows, err := conn.Query(ctx, sqlStreams)
	if err != nil {
		return err
	}
	streams, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stream])
	if err != nil {
		return err
	}
	for _, s := range streams {
		id := eventstore.StreamID{Category: s.Category, Key: s.Key}
		forwards, err := versionsOf(ctx, store, id, eventstore.ReadOptions{})
		if err != nil {
			return err
		}
		backwards, err := versionsOf(ctx, store, id, eventstore.ReadOptions{Backwards: true})
		if err != nil {
			return err
		}
		want := make([]eventstore.Version, s.Count)
		for i := range want {
			want[i] = eventstore.Version(i + 1)
		}
		if !reflect.DeepEqual(forwards, want) || len(backwards) != s.Count || backwards[0] != eventstore.Version(s.Count) {
			found.Note(lost, 1, "ReadStream does not give versions 1 to %d of stream %s", s.Count, id)
		}
	}
	return nil
}

func versionsOf(
	ctx context.Context, store *pgstore.Store, id eventstore.StreamID, options eventstore.ReadOptions,
) (versions []eventstore.Version, err error) {
	for event, err := range store.ReadStream(ctx, id, options) {
		if err != nil {
			return nil, err
		}
		versions = append(versions, event.Version)
	}
	return versions, nil
}
