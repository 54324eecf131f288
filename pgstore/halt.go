package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlKeepConsumers keeps the partitions of several consumers in being.
	sqlKeepConsumers = `
		SELECT k.consumer, k.version
		FROM {schema}.consumers AS k
		JOIN (SELECT DISTINCT consumer, version FROM unnest($1::text[], $2::integer[]) AS u (consumer, version)) AS w
			ON k.consumer = w.consumer AND (k.version = w.version OR w.version = 0 AND k.live)
		ORDER BY k.consumer, k.version
		FOR KEY SHARE OF k`

	// sqlLockPartitions waits for the moves that are under way. Rows are locked in one order by all.
	sqlLockPartitions = `
		SELECT c.position, c.epoch, c.paused, c.reason
		FROM {schema}.checkpoints AS c
		WHERE (c.consumer, c.version) IN (SELECT * FROM unnest($1::text[], $2::integer[]))
		ORDER BY c.consumer, c.version, c.partition
		FOR UPDATE`

	// sqlStop stands behind sqlLockPartitions.
	sqlStop = `
		UPDATE {schema}.checkpoints SET stop_at = $3, stop_until = clock_timestamp() + $4::interval,
			epoch = CASE stop_at WHEN $3 THEN epoch ELSE epoch + 1 END, updated_at = clock_timestamp()
		WHERE (consumer, version) IN (SELECT * FROM unnest($1::text[], $2::integer[])) AND (stop_at <> 0 OR $3 <> 0)`

	sqlRemovePartitions = `DELETE FROM {schema}.checkpoints WHERE consumer = $1 AND version = $2`
	sqlMakePartitions   = `
		INSERT INTO {schema}.checkpoints (consumer, version, partition, position, handled, epoch)
		SELECT $1, $2, partition, $4, CASE partition WHEN 0 THEN $5::bigint ELSE 0 END, $6
		FROM generate_series(0, $3::integer - 1) AS partition`

	sqlHandled = `SELECT coalesce(sum(handled), 0)::bigint FROM {schema}.checkpoints WHERE consumer = $1 AND version = $2`
)

// Halt implements [eventstore.Leases]. It waits for moves that are under way, and passes over consumers that are not
// defined.
func (t *Target) Halt(
	ctx context.Context, limit time.Duration, consumers ...eventstore.ConsumerID,
) (eventstore.Position, error) {
	var furthest eventstore.Position
	err := t.stop(ctx, consumers, limit, func(states []state) eventstore.Position {
		for _, s := range states {
			furthest = max(furthest, s.position)
		}
		return furthest
	})
	if err != nil {
		return 0, fmt.Errorf("halt consumers %s: %w", list(consumers), err)
	}
	return furthest, nil
}

// Proceed implements [eventstore.Leases]. It waits for moves that are under way, and passes over consumers that are not
// defined.
func (t *Target) Proceed(ctx context.Context, consumers ...eventstore.ConsumerID) error {
	err := t.stop(ctx, consumers, 0, func([]state) eventstore.Position { return 0 })
	if err != nil {
		return fmt.Errorf("let consumers %s proceed: %w", list(consumers), err)
	}
	return nil
}

func list(consumers []eventstore.ConsumerID) string {
	names := make([]string, len(consumers))
	for i, consumer := range consumers {
		names[i] = fmt.Sprintf("%q", consumer)
	}
	return strings.Join(names, ", ")
}

// stop lets the partitions of consumers stop where choose says when nobody moves them.
func (t *Target) stop(
	ctx context.Context, consumers []eventstore.ConsumerID, limit time.Duration, choose func([]state) eventstore.Position,
) error {
	for _, consumer := range consumers {
		if err := validateChoice(consumer); err != nil {
			return err
		}
	}
	names, versions := columnsOf(consumers)
	var chosen []eventstore.ConsumerID
	err := t.transact(ctx, t.idleTimeout, func(batch *pgx.Batch) {
		batch.Queue(t.sql.keepConsumers, names, versions).Query(func(rows pgx.Rows) (err error) {
			chosen, err = pgx.CollectRows(rows, pgx.RowToStructByPos[eventstore.ConsumerID])
			return err
		})
	}, func(tx pgx.Tx) error {
		names, versions := columnsOf(chosen)
		states, err := t.lockPartitions(ctx, tx, names, versions)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, t.sql.stop, names, versions, choose(states), limit)
		return err
	})
	t.lookout.nudge(consumers...)
	return err
}

// columnsOf returns the names and versions of consumers, as statements take several.
func columnsOf(consumers []eventstore.ConsumerID) (names []string, versions []int) {
	names, versions = make([]string, len(consumers)), make([]int, len(consumers))
	for i, consumer := range consumers {
		names[i], versions[i] = consumer.Name, consumer.Version
	}
	return names, versions
}

func (t *Target) lockPartitions(ctx context.Context, tx pgx.Tx, names []string, versions []int) ([]state, error) {
	rows, _ := tx.Query(ctx, t.sql.lockPartitions, names, versions)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s state, err error) {
		err = s.scan(row)
		return s, err
	})
}

// Repartition implements [eventstore.Leases]. It waits for moves that are under way. What the partitions have handled
// counts as that of the first one. It returns an error wrapping [eventstore.ErrInvalid] when the consumer is not defined.
func (t *Target) Repartition(ctx context.Context, consumer eventstore.ConsumerID, partitions int) error {
	for _, err := range []error{validateChoice(consumer), eventstore.ValidatePartitions(partitions)} {
		if err != nil {
			return describe("repartition", consumer, err)
		}
	}
	var chosen chosenConsumer
	err := t.transact(ctx, t.idleTimeout, func(batch *pgx.Batch) {
		batch.Queue(t.sql.seizeConsumer, consumer.Name, consumer.Version).QueryRow(chosen.scan)
	}, func(tx pgx.Tx) error {
		if !chosen.found {
			return errUndefined
		}
		return t.repartition(ctx, tx, chosen.ConsumerID, partitions)
	})
	t.lookout.nudge(consumer)
	return describe("repartition", consumer, err)
}

func (t *Target) repartition(ctx context.Context, tx pgx.Tx, id eventstore.ConsumerID, partitions int) error {
	states, err := t.lockPartitions(ctx, tx, []string{id.Name}, []int{id.Version})
	if err != nil {
		return err
	}
	at, epoch, err := meetingPoint(states)
	if err != nil {
		return err
	}
	var handled int64
	if err := tx.QueryRow(ctx, t.sql.handled, id.Name, id.Version).Scan(&handled); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(t.sql.removePartitions, id.Name, id.Version)
	batch.Queue(t.sql.makePartitions, id.Name, id.Version, partitions, at, handled, epoch+1)
	return tx.SendBatch(ctx, batch).Close()
}

// meetingPoint returns the position that all partitions are at, and the last of their epochs.
func meetingPoint(states []state) (at eventstore.Position, epoch int64, err error) {
	if paused := slices.IndexFunc(states, func(s state) bool { return s.paused }); paused >= 0 {
		return 0, 0, fmt.Errorf("%w: partition %d: %s", eventstore.ErrPaused, paused, states[paused].reason)
	}
	for i, s := range states {
		if i > 0 && s.position != at {
			return 0, 0, fmt.Errorf("%w: partition 0 is at position %d, partition %d at %d",
				eventstore.ErrCheckpointMoved, at, i, s.position)
		}
		at, epoch = s.position, max(epoch, s.epoch)
	}
	return at, epoch, nil
}
