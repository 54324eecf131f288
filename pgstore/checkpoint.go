package pgstore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// chosenVersion is the version that an ID means, given as $1 and $2.
	chosenVersion = `
		CASE $2::integer
			WHEN 0 THEN (SELECT live.version FROM {schema}.consumers AS live WHERE live.consumer = $1 AND live.live)
			ELSE $2::integer
		END`

	// sqlDefine makes the version live that is the first of its name. For that, one Define runs at a time.
	sqlDefineLock = `SELECT pg_advisory_xact_lock($1)`
	sqlDefine     = `
		INSERT INTO {schema}.consumers AS k (consumer, version, kind, categories, live, was_live)
		SELECT $1, $2, $3, $4, first, first
		FROM (SELECT NOT EXISTS (SELECT FROM {schema}.consumers WHERE consumer = $1 AND live) AS first) AS f
		ON CONFLICT (consumer, version) DO UPDATE SET kind = excluded.kind, categories = excluded.categories
		WHERE (k.kind, k.categories) IS DISTINCT FROM (excluded.kind, excluded.categories)`

	// sqlAddPartitions is a statement of its own, to see what a Forget has removed that sqlDefine has waited for. Epochs
	// begin with the time, so that none is one of those before a Forget.
	sqlAddPartitions = `
		INSERT INTO {schema}.checkpoints (consumer, version, partition, epoch)
		SELECT $1, $2, generate_series(0, $3::integer - 1), (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
		WHERE NOT EXISTS (SELECT FROM {schema}.checkpoints WHERE consumer = $1 AND version = $2)`

	sqlConsumers = `
		SELECT k.consumer, k.version, k.kind, k.categories, k.live, k.was_live, k.defined_at,
			(SELECT count(*) FROM {schema}.checkpoints AS c WHERE c.consumer = k.consumer AND c.version = k.version)
		FROM {schema}.consumers AS k
		ORDER BY k.consumer, k.version`

	// sqlCheckpoints is for several consumers, which it numbers. A partition's owner is one whose lease has not run out.
	sqlCheckpoints = `
		SELECT w.number, ` + checkpointColumns + `, coalesce(m.member, '')
		FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS w (consumer, version, number)
		JOIN {schema}.consumers AS k ON k.consumer = w.consumer AND (k.version = w.version OR w.version = 0 AND k.live)
		JOIN {schema}.checkpoints AS c ON c.consumer = k.consumer AND c.version = k.version
		LEFT JOIN {schema}.members AS m ON m.consumer = c.consumer AND m.version = c.version AND m.member = c.owner
			AND m.expires_at > statement_timestamp()
		ORDER BY w.number, c.partition`

	checkpointColumns = `c.consumer, c.version, c.partition, c.position, c.handled,
			CASE WHEN c.stop_until > statement_timestamp() THEN c.stop_at ELSE 0 END, c.epoch, c.paused, c.reason,
			c.updated_at, k.live`

	// sqlPause is followed by sqlState, which tells why when it has changed nothing.
	sqlPause = `
		UPDATE {schema}.checkpoints SET paused = true, reason = $6, epoch = epoch + 1, updated_at = clock_timestamp()
		WHERE consumer = $1 AND version =` + chosenVersion + ` AND partition = $3
			AND position = $4 AND epoch = $5 AND NOT paused`
	sqlState = `
		SELECT position, epoch, paused, reason FROM {schema}.checkpoints
		WHERE consumer = $1 AND version =` + chosenVersion + ` AND partition = $3`

	// sqlResume takes the rows in order, as all do that take several.
	sqlResume = `
		WITH stopped AS MATERIALIZED (
			SELECT consumer, version, partition FROM {schema}.checkpoints
			WHERE consumer = $1 AND version =` + chosenVersion + ` AND paused
			ORDER BY partition
			FOR UPDATE
		)
		UPDATE {schema}.checkpoints AS c
		SET paused = false, reason = '', epoch = epoch + 1, updated_at = clock_timestamp()
		FROM stopped AS s
		WHERE c.consumer = s.consumer AND c.version = s.version AND c.partition = s.partition`
)

// Define implements [eventstore.Checkpoints].
func (t *Target) Define(ctx context.Context, consumer eventstore.ConsumerID, definition eventstore.Definition) error {
	if err := errors.Join(consumer.Validate(), definition.Validate()); err != nil {
		return describe("define", consumer, err)
	}
	categories := make([]string, len(definition.Categories))
	for i, category := range definition.Categories {
		categories[i] = storableText(category)
	}
	err := t.execute(ctx, func(batch *pgx.Batch) {
		batch.Queue(sqlDefineLock, defineLock(consumer.Name))
		batch.Queue(t.sql.define, consumer.Name, consumer.Version, storableText(definition.Kind), categories)
		batch.Queue(t.sql.addPartitions, consumer.Name, consumer.Version, definition.Partitions)
	})
	t.lookout.nudge(consumer)
	return describe("define", consumer, err)
}

// defineLock is the key of the lock under which the first version of a name is chosen. That others share it harms nobody.
func defineLock(name string) int64 {
	hash := fnv.New64a()
	hash.Write([]byte("pasttense.define." + name))
	return int64(hash.Sum64())
}

// Consumers implements [eventstore.Checkpoints].
func (t *Target) Consumers(ctx context.Context) ([]eventstore.DefinedConsumer, error) {
	rows, _ := t.pool.Query(ctx, t.sql.consumers)
	consumers, err := pgx.CollectRows(rows, scanConsumer)
	if err != nil {
		return nil, fmt.Errorf("list consumers: %w", err)
	}
	return consumers, nil
}

func scanConsumer(row pgx.CollectableRow) (c eventstore.DefinedConsumer, err error) {
	err = row.Scan(&c.Name, &c.Version, &c.Kind, &c.Categories, &c.Live, &c.WasLive, &c.DefinedAt, &c.Partitions)
	c.DefinedAt = c.DefinedAt.UTC()
	if len(c.Categories) == 0 {
		c.Categories = nil
	}
	return c, err
}

// Checkpoints implements [eventstore.Checkpoints].
func (t *Target) Checkpoints(ctx context.Context, consumer eventstore.ConsumerID) ([]eventstore.Checkpoint, error) {
	checkpoints, err := t.readCheckpoints(ctx, []eventstore.ConsumerID{consumer})
	if err != nil {
		return nil, describe("read the checkpoints of", consumer, err)
	}
	return checkpoints[consumer], nil
}

// Await implements [eventstore.Checkpoints]. All calls of a target share one query at a time, on one connection of the
// pool, for the consumers whose turn it is. Moves by this target are seen without a query. Changes by other targets, in
// other processes, are seen at the next look: once in every, but not more often than each 2 milliseconds, and less and
// less often the longer a call waits, as far as the interface allows.
func (t *Target) Await(
	ctx context.Context, consumer eventstore.ConsumerID, every time.Duration, done func([]eventstore.Checkpoint) bool,
) ([]eventstore.Checkpoint, error) {
	checkpoints, err := t.lookout.await(ctx, consumer, every, done)
	return checkpoints, describe("await the checkpoints of", consumer, err)
}

// readCheckpoints returns the checkpoints of consumers as of one moment, by the IDs under which they were asked for.
func (t *Target) readCheckpoints(
	ctx context.Context, consumers []eventstore.ConsumerID,
) (map[eventstore.ConsumerID][]eventstore.Checkpoint, error) {
	names, versions := make([]string, len(consumers)), make([]int, len(consumers))
	for i, consumer := range consumers {
		// No name that is refused here was ever defined.
		if err := eventstore.ValidateConsumer(consumer.Name); err == nil {
			names[i], versions[i] = consumer.Name, consumer.Version
		}
	}
	read := make(map[eventstore.ConsumerID][]eventstore.Checkpoint, len(consumers))
	rows, _ := t.pool.Query(ctx, t.sql.checkpoints, names, versions)
	defer rows.Close()
	for rows.Next() {
		var number int
		var c eventstore.Checkpoint
		if err := rows.Scan(append([]any{&number}, checkpointFields(&c)...)...); err != nil {
			return nil, err
		}
		c.UpdatedAt = c.UpdatedAt.UTC()
		asked := consumers[number-1]
		read[asked] = append(read[asked], c)
	}
	for _, checkpoints := range read {
		countPartitions(checkpoints)
	}
	return read, rows.Err()
}

// checkpointFields are where checkpointColumns and the owner are scanned into.
func checkpointFields(c *eventstore.Checkpoint) []any {
	return []any{
		&c.Consumer.Name, &c.Consumer.Version, &c.Partition, &c.Position, &c.Handled, &c.StopAt, &c.Epoch, &c.Paused,
		&c.Reason, &c.UpdatedAt, &c.Live, &c.Owner,
	}
}

func countPartitions(checkpoints []eventstore.Checkpoint) {
	for i := range checkpoints {
		checkpoints[i].Partitions = len(checkpoints)
	}
}

// Pause implements [eventstore.Checkpoints]. It does nothing to a partition that is paused already.
func (t *Target) Pause(ctx context.Context, at eventstore.Checkpoint, reason string) error {
	id := at.Consumer
	var paused int64
	var now state
	err := t.execute(ctx, func(batch *pgx.Batch) {
		batch.Queue(t.sql.pause, id.Name, id.Version, at.Partition, at.Position, at.Epoch, storableText(reason)).
			Exec(countRows(&paused))
		batch.Queue(t.sql.state, id.Name, id.Version, at.Partition).QueryRow(now.scan)
	})
	t.lookout.nudge(id)
	switch {
	case err != nil:
	case paused == 0 && !now.isAt(at.Position, at.Epoch):
		err = now.moved(at.Position, at.Epoch)
	}
	if err != nil {
		return fmt.Errorf("pause partition %d of consumer %q at position %d: %w", at.Partition, id, at.Position, err)
	}
	return nil
}

// Resume implements [eventstore.Checkpoints].
func (t *Target) Resume(ctx context.Context, consumer eventstore.ConsumerID) error {
	if err := validateChoice(consumer); err != nil {
		return describe("resume", consumer, err)
	}
	var chosen chosenConsumer
	err := t.execute(ctx, func(batch *pgx.Batch) {
		batch.Queue(t.sql.keepConsumer, consumer.Name, consumer.Version).QueryRow(chosen.scan)
		batch.Queue(t.sql.resume, consumer.Name, consumer.Version)
	})
	t.lookout.nudge(consumer)
	if err == nil && !chosen.found {
		err = errUndefined
	}
	return describe("resume", consumer, err)
}
