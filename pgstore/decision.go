package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlVersions gives the version of each stream, in their order.
	sqlVersions = `
		SELECT coalesce((
			SELECT max(version) FROM {schema}.events AS e WHERE e.category = w.category AND e.stream_key = w.stream_key
		), 0)
		FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (category, stream_key, place)
		ORDER BY place`

	// sqlGivenIDs finds events of the streams by IDs that their appenders gave, through an index of those alone.
	sqlGivenIDs = `
		SELECT ` + eventColumns + `
		FROM {schema}.events
		WHERE id_given AND event_id = ANY ($3)
			AND (category, stream_key) IN (SELECT * FROM unnest($1::text[], $2::text[]))`
)

// database is what an append runs its statements on: a connection of the store's, or a caller's transaction.
type database interface {
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// decision is an append inside its transaction: what it was judged by, and then what it inserts.
type decision struct {
	sql      statements
	prepared eventstore.Prepared
	versions []eventstore.Version       // of the writes' streams
	found    []eventstore.RecordedEvent // events with IDs that the caller gave
}

// queueReads asks for what the append is judged by. The IDs are looked for after the versions, with a newer snapshot:
// were it the other way round, a first append that commits in between would be taken for a conflict.
func (d *decision) queueReads(batch *pgx.Batch) {
	categories, keys := streamNames(d.prepared.Writes)
	batch.Queue(d.sql.versions, categories, keys).Query(func(rows pgx.Rows) (err error) {
		d.versions, err = pgx.CollectRows(rows, pgx.RowTo[eventstore.Version])
		return err
	})
	if d.prepared.GivenIDs {
		batch.Queue(d.sql.givenIDs, categories, keys, eventIDs(d.prepared.Writes)).Query(func(rows pgx.Rows) (err error) {
			d.found, err = pgx.CollectRows(rows, scanEvent)
			return err
		})
	}
}

// judge finds out whether the append repeats one that was made before, or else whether its expectations are met.
// The versions may be overtaken before the insert: then its unique constraint tells.
func (d *decision) judge() (first eventstore.AppendResult, repeat bool, err error) {
	first, repeat, err = d.prepared.FirstResult(d.found)
	if err != nil || repeat {
		return first, repeat, err
	}
	for i, write := range d.prepared.Writes {
		if !write.Expected.Allows(d.versions[i]) {
			return eventstore.AppendResult{}, false, &eventstore.ConflictError{
				Stream: write.Stream, Expected: write.Expected, Actual: d.versions[i],
			}
		}
	}
	return eventstore.AppendResult{}, false, nil
}

func streamNames(writes []eventstore.Write) (categories, keys []string) {
	categories, keys = make([]string, len(writes)), make([]string, len(writes))
	for i, write := range writes {
		categories[i], keys[i] = write.Stream.Category, write.Stream.Key
	}
	return categories, keys
}

func eventIDs(writes []eventstore.Write) []pgtype.UUID {
	var ids []pgtype.UUID
	for _, write := range writes {
		for _, event := range write.Events {
			ids = append(ids, pgtype.UUID{Bytes: event.ID, Valid: true})
		}
	}
	return ids
}
