package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	manyEvents  = 10_000_000
	manyStreams = 1_000_000

	// manyBlock is how many events lie together, as they would had they been appended so many at a time.
	manyBlock = 50

	// manyChunk is how many are inserted at a time.
	manyChunk = 1_000_000

	// manyBytes is the disk space that an event takes at most while it is inserted: half of it in the table and its
	// indexes, the rest in the log and in sorting.
	manyBytes = 1_000
)

// sqlInsertMany inserts events number $1 to $2 of streams that have grown side by side. The positions follow the rule of
// the store's sequence, which counts in blocks.
const sqlInsertMany = `
	INSERT INTO %s (position, version, event_id, schema_version, id_given, category, stream_key, type, content_type, data)
	SELECT n / $3 * $4 + n %% $3 + 1, n / $5 + 1, gen_random_uuid(), 1, false, $6,
		md5((n %% $5)::text)::uuid::text, $7, 'application/json', $8::json
	FROM generate_series($1::bigint, $2::bigint) AS n`

// sqlReadIndex reads all of the index of streams and versions, which new events go into at random, and nothing else.
const sqlReadIndex = `
	SET enable_seqscan = off;
	SELECT count(*) FROM %s WHERE category >= ''`

const (
	sqlConstraints = `
		SELECT conname, format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
		FROM pg_constraint
		WHERE conrelid = $1::text::regclass AND contype IN ('p', 'u')
		ORDER BY conname`

	// sqlIndexes lists the indexes that are left without the constraints.
	sqlIndexes = `
		SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
		FROM pg_index
		WHERE indrelid = $1::text::regclass
		ORDER BY indexrelid`
)

// besideManyEvents fills the tables of both sides with so many events before its own side, the first, is made ready.
func besideManyEvents(events int64, next prepare) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		if err := requireSpace(ctx, db.server.Local().Directory(), 2*events*manyBytes); err != nil {
			return nil, err
		}
		if err := fillMany(ctx, db, events); err != nil {
			return nil, err
		}
		return next(ctx, db)
	}
}

// fillMany fills both tables with the same events, but for their IDs.
func fillMany(ctx context.Context, db *database, events int64) error {
	conn, err := pgx.Connect(ctx, db.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `SET maintenance_work_mem = '512MB'; SET synchronous_commit = off`); err != nil {
		return err
	}
	tables := []string{"pasttense.events", "limit_events"}
	for _, table := range tables {
		if err := fillTable(ctx, db, conn, table, events); err != nil {
			return fmt.Errorf("fill %s: %w", table, err)
		}
	}
	// Only now, or the one that was filled last would be in memory and the other one not.
	for _, table := range tables {
		if _, err := conn.Exec(ctx, fmt.Sprintf(sqlReadIndex, table)); err != nil {
			return fmt.Errorf("read the index of %s: %w", table, err)
		}
	}
	return nil
}

// fillTable fills a table of events without its indexes, builds them, and makes it ready to be used.
func fillTable(ctx context.Context, db *database, conn *pgx.Conn, table string, events int64) error {
	start := time.Now()
	restore, err := dropIndexes(ctx, conn, table)
	if err != nil {
		return err
	}
	for from := int64(0); from < events; from += manyChunk {
		through := min(from+manyChunk, events) - 1
		_, err := conn.Exec(ctx, fmt.Sprintf(sqlInsertMany, table), from, through, int64(manyBlock),
			int64(eventstore.MaxAppendEvents), int64(manyStreams), category, itemType, string(newEvent().Data))
		if err != nil {
			return err
		}
		db.progress.printf("  %s: %s events, %s", table, number(float64(through+1)), time.Since(start).Round(time.Second))
	}
	lastDrawn := (events + manyBlock - 1) / manyBlock * eventstore.MaxAppendEvents
	settle := []string{
		fmt.Sprintf("SELECT setval('%s_position', %d)", table, lastDrawn),
		"VACUUM ANALYZE " + table,
	}
	for _, statement := range slices.Concat(restore, settle) {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	db.progress.printf("  %s: indexed and vacuumed, %s", table, time.Since(start).Round(time.Second))
	return nil
}

// dropIndexes returns the statements that make what it has dropped again.
func dropIndexes(ctx context.Context, conn *pgx.Conn, table string) (restore []string, err error) {
	for _, kind := range []struct{ list, drop string }{
		{sqlConstraints, "ALTER TABLE " + table + " DROP CONSTRAINT "},
		{sqlIndexes, "DROP INDEX "},
	} {
		found, err := conn.Query(ctx, kind.list, table)
		if err != nil {
			return nil, err
		}
		definitions, err := pgx.CollectRows(found, pgx.RowToStructByPos[struct{ Name, Definition string }])
		if err != nil {
			return nil, err
		}
		for _, d := range definitions {
			if _, err := conn.Exec(ctx, kind.drop+d.Name); err != nil {
				return nil, err
			}
			restore = append(restore, d.Definition)
		}
	}
	return restore, nil
}
