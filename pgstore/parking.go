package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlParked is followed by more conditions and an order, which ends it. What is not asked for is not read from where
	// Postgres keeps long texts.
	sqlParked = `
		SELECT category, stream_key, stream_version, position, type, CASE WHEN $3 THEN '' ELSE reason END, attempts, retry,
			parked_at
		FROM {schema}.parked
		WHERE consumer = $1 AND version =` + chosenVersion + ` AND position > $4`

	sqlParkedToRetry    = ` AND retry`
	sqlParkedStreams    = ` AND (category, stream_key) IN (SELECT * FROM unnest($6::text[], $7::text[]))`
	sqlParkedByPosition = ` ORDER BY position LIMIT nullif($5, 0)`
	sqlParkedLatest     = ` ORDER BY parked_at DESC, position DESC LIMIT nullif($5, 0)`

	sqlSkipped = `
		SELECT category, stream_key, stream_version, position, type, reason, skipped_at
		FROM {schema}.skipped
		WHERE consumer = $1 AND version =` + chosenVersion + `
		ORDER BY skipped_at DESC, position DESC
		LIMIT $3`

	// sqlPark keeps the time at which a sequence was parked first.
	sqlPark = `
		INSERT INTO {schema}.parked AS p (
			consumer, version, category, stream_key, stream_version, position, type, reason, attempts, retry
		)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (consumer, version, category, stream_key) DO UPDATE SET
			stream_version = excluded.stream_version, position = excluded.position, type = excluded.type,
			reason = excluded.reason, attempts = excluded.attempts, retry = excluded.retry`

	sqlUnpark = `
		DELETE FROM {schema}.parked WHERE consumer = $1 AND version = $2 AND category = $3 AND stream_key = $4`

	sqlRetry = `
		UPDATE {schema}.parked SET retry = true
		WHERE consumer = $1 AND version = $2 AND category = $3 AND stream_key = $4`

	sqlSkip = `
		INSERT INTO {schema}.skipped (consumer, version, category, stream_key, stream_version, position, type, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (consumer, version, position) DO UPDATE SET
			reason = excluded.reason, skipped_at = excluded.skipped_at`

	sqlPartitions = `SELECT count(*) FROM {schema}.checkpoints WHERE consumer = $1 AND version =` + chosenVersion

	// sqlRenew begins a new epoch of a partition. It waits for a move that is under way.
	sqlRenew = `
		UPDATE {schema}.checkpoints SET epoch = epoch + 1, updated_at = clock_timestamp()
		WHERE consumer = $1 AND version = $2 AND partition = $3`
)

// Parked implements [eventstore.Parking].
func (t *Target) Parked(
	ctx context.Context, consumer eventstore.ConsumerID, query eventstore.ParkedQuery,
) (parked []eventstore.Parked, err error) {
	if err := errors.Join(validateChoice(consumer), query.Validate()); err != nil {
		return nil, describe("list what is parked by", consumer, err)
	}
	statement, arguments := t.parkedStatement(consumer, query)
	rows, _ := t.pool.Query(ctx, statement, arguments...)
	parked, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p eventstore.Parked, err error) {
		err = row.Scan(&p.Stream.Category, &p.Stream.Key, &p.Version, &p.Position, &p.Type, &p.Reason, &p.Attempts, &p.Retry,
			&p.ParkedAt)
		p.ParkedAt = p.ParkedAt.UTC()
		return p, err
	})
	return parked, describe("list what is parked by", consumer, err)
}

func (t *Target) parkedStatement(
	consumer eventstore.ConsumerID, query eventstore.ParkedQuery,
) (statement string, arguments []any) {
	statement = t.sql.parked
	arguments = []any{consumer.Name, consumer.Version, query.WithoutReason, query.After, query.Limit}
	if query.Retry {
		statement += sqlParkedToRetry
	}
	if len(query.Streams) > 0 {
		statement += sqlParkedStreams
		categories, keys := columnsOfStreams(query.Streams)
		arguments = append(arguments, categories, keys)
	}
	if query.LatestFirst {
		return statement + sqlParkedLatest, arguments
	}
	return statement + sqlParkedByPosition, arguments
}

// columnsOfStreams returns the names of streams, but of those that no stream can have.
func columnsOfStreams(streams []eventstore.StreamID) (categories, keys []string) {
	categories, keys = make([]string, 0, len(streams)), make([]string, 0, len(streams))
	for _, stream := range streams {
		if stream.Validate() == nil {
			categories, keys = append(categories, stream.Category), append(keys, stream.Key)
		}
	}
	return categories, keys
}

// Skipped implements [eventstore.Parking].
func (t *Target) Skipped(
	ctx context.Context, consumer eventstore.ConsumerID, limit int,
) (skipped []eventstore.Skipped, err error) {
	if err := validateChoice(consumer); err != nil {
		return nil, describe("list what was skipped by", consumer, err)
	}
	rows, _ := t.pool.Query(ctx, t.sql.skipped, consumer.Name, consumer.Version, max(limit, 0))
	skipped, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s eventstore.Skipped, err error) {
		err = row.Scan(&s.Stream.Category, &s.Stream.Key, &s.Version, &s.Position, &s.Type, &s.Reason, &s.SkippedAt)
		s.SkippedAt = s.SkippedAt.UTC()
		return s, err
	})
	return skipped, describe("list what was skipped by", consumer, err)
}

// Retry implements [eventstore.Parking]. It waits for a move of the stream's partition that is under way.
func (t *Target) Retry(ctx context.Context, consumer eventstore.ConsumerID, stream eventstore.StreamID) error {
	if err := t.changeParked(ctx, consumer, stream, t.sql.retry); err != nil {
		return fmt.Errorf("retry stream %q of consumer %q: %w", stream, consumer, err)
	}
	return nil
}

// Discard implements [eventstore.Parking]. It waits for a move of the stream's partition that is under way.
func (t *Target) Discard(ctx context.Context, consumer eventstore.ConsumerID, stream eventstore.StreamID) error {
	if err := t.changeParked(ctx, consumer, stream, t.sql.unpark); err != nil {
		return fmt.Errorf("discard stream %q of consumer %q: %w", stream, consumer, err)
	}
	return nil
}

// changeParked changes the row of a parked stream, and begins a new epoch of its partition.
func (t *Target) changeParked(
	ctx context.Context, consumer eventstore.ConsumerID, stream eventstore.StreamID, statement string,
) error {
	if err := validateChoice(consumer); err != nil {
		return err
	}
	if stream.Validate() != nil {
		return eventstore.ErrNotParked
	}
	var chosen chosenConsumer
	var partitions int
	err := t.transact(ctx, t.idleTimeout, func(batch *pgx.Batch) {
		batch.Queue(t.sql.keepConsumer, consumer.Name, consumer.Version).QueryRow(chosen.scan)
		// A statement of its own, to see what the one before has waited for.
		batch.Queue(t.sql.partitions, consumer.Name, consumer.Version).
			QueryRow(func(row pgx.Row) error { return row.Scan(&partitions) })
	}, func(tx pgx.Tx) error {
		if !chosen.found {
			return errUndefined
		}
		var changed int64
		batch := &pgx.Batch{}
		batch.Queue(t.sql.renew, chosen.Name, chosen.Version, eventstore.PartitionOf(stream, partitions))
		batch.Queue(statement, chosen.Name, chosen.Version, stream.Category, stream.Key).Exec(countRows(&changed))
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		if changed == 0 {
			return eventstore.ErrNotParked
		}
		return nil
	})
	t.lookout.nudge(consumer)
	return err
}

// validateParking returns an error when what a move parks, unparks or skips cannot be stored.
func validateParking(move eventstore.Move) error {
	for _, parked := range move.Park {
		if err := parked.Stream.Validate(); err != nil {
			return fmt.Errorf("park: %w", err)
		}
	}
	for _, stream := range move.Unpark {
		if err := stream.Validate(); err != nil {
			return fmt.Errorf("unpark: %w", err)
		}
	}
	for _, skipped := range move.Skip {
		if err := skipped.Stream.Validate(); err != nil {
			return fmt.Errorf("skip: %w", err)
		}
	}
	return nil
}

// queueParking queues what a move parks, unparks and skips.
func (t *Target) queueParking(batch *pgx.Batch, move eventstore.Move) {
	name, version := move.Consumer.Name, move.Consumer.Version
	for _, stream := range move.Unpark {
		batch.Queue(t.sql.unpark, name, version, stream.Category, stream.Key)
	}
	for _, p := range move.Park {
		batch.Queue(t.sql.park, name, version, p.Stream.Category, p.Stream.Key, p.Version, p.Position, storableText(p.Type),
			storableText(p.Reason), p.Attempts, p.Retry)
	}
	for _, s := range move.Skip {
		batch.Queue(t.sql.skip, name, version, s.Stream.Category, s.Stream.Key, s.Version, s.Position, storableText(s.Type),
			storableText(s.Reason))
	}
}
