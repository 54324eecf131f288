package main

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// sqlLimitTable makes a table of the columns, types and indexes of the store's, and a sequence for its positions.
	sqlLimitTable = `
		CREATE TABLE limit_events (LIKE pasttense.events INCLUDING ALL);
		CREATE SEQUENCE limit_events_position`

	// sqlCopyEvents gives the limit's table the store's events.
	sqlCopyEvents = `INSERT INTO limit_events SELECT * FROM pasttense.events ORDER BY position`

	// sqlSettle makes both tables ready to be read: hint bits, visibility maps and statistics.
	sqlSettle = `VACUUM ANALYZE pasttense.events, limit_events`

	sqlInsertRow = `
		INSERT INTO limit_events (position, version, event_id, schema_version, id_given, category, stream_key, type,
			content_type, data)
		VALUES (nextval('limit_events_position'), $1, $2, $3, false, $4, $5, $6, $7, $8)
		RETURNING position`

	sqlInsertRows = `
		INSERT INTO limit_events (position, version, event_id, schema_version, id_given, category, stream_key, type,
			content_type, data)
		SELECT nextval('limit_events_position'), e.version, e.event_id, e.schema_version, false, e.category,
			e.stream_key, e.type, e.content_type, e.data::json
		FROM unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
			AS e (version, event_id, schema_version, category, stream_key, type, content_type, data)`

	limitColumns = `position, version, recorded_at, event_id, schema_version, category, stream_key, type, content_type,
		data, data_binary, metadata`
)

// row is an event as plain pgx reads it.
type row struct {
	position, version int64
	recordedAt        time.Time
	id                uuid.UUID
	schemaVersion     int16
	category, key     string
	eventType         string
	contentType       string
	data              []byte
	dataBinary        []byte
	metadata          []byte
}

// scanRow reads the limitColumns of a row.
func scanRow(from pgx.CollectableRow) (row, error) {
	var r row
	err := from.Scan(&r.position, &r.version, &r.recordedAt, (*[16]byte)(&r.id), &r.schemaVersion, &r.category, &r.key,
		&r.eventType, &r.contentType, &r.data, &r.dataBinary, &r.metadata)
	return r, err
}

// copyEvents gives the limit's table the events that ours has.
func copyEvents(ctx context.Context, pool *pgxpool.Pool) error {
	if _, err := pool.Exec(ctx, sqlCopyEvents); err != nil {
		return err
	}
	_, err := pool.Exec(ctx, sqlSettle)
	return err
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// insertRow inserts an event as the first of a new stream, and returns its position.
func insertRow(ctx context.Context, db querier, data []byte) (position int64, err error) {
	err = db.QueryRow(ctx, sqlInsertRow, int64(1), newID(), int16(1), category, uuid.NewString(), itemType,
		"application/json", data).Scan(&position)
	return position, err
}

// columns are the rows of an insert, one slice for each column.
type columns struct {
	version       []int64
	id            []pgtype.UUID
	schemaVersion []int16
	category, key []string
	eventType     []string
	contentType   []string
	data          []string
}

func newColumns(capacity int) *columns {
	return &columns{
		version:       make([]int64, 0, capacity),
		id:            make([]pgtype.UUID, 0, capacity),
		schemaVersion: make([]int16, 0, capacity),
		category:      make([]string, 0, capacity),
		key:           make([]string, 0, capacity),
		eventType:     make([]string, 0, capacity),
		contentType:   make([]string, 0, capacity),
		data:          make([]string, 0, capacity),
	}
}

func (c *columns) add(key string, version int64, data string) {
	c.version = append(c.version, version)
	c.id = append(c.id, newID())
	c.schemaVersion = append(c.schemaVersion, 1)
	c.category = append(c.category, category)
	c.key = append(c.key, key)
	c.eventType = append(c.eventType, itemType)
	c.contentType = append(c.contentType, "application/json")
	c.data = append(c.data, data)
}

func (c *columns) insert(ctx context.Context, db querier) error {
	_, err := db.Exec(ctx, sqlInsertRows, c.version, c.id, c.schemaVersion, c.category, c.key, c.eventType,
		c.contentType, c.data)
	return err
}

// newID returns an ID of the kind that the store gives.
func newID() pgtype.UUID {
	return pgtype.UUID{Bytes: uuid.Must(uuid.NewV7()), Valid: true}
}
