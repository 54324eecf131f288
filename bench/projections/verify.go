package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/bench/internal/client"
	"github.com/pasttense/pasttense/bench/internal/findings"
	"github.com/pasttense/pasttense/eventstore"
)

// Each of these gives a count and an example.
const (
	sqlMissed = `
		SELECT count(*), coalesce(min(format('position %s, stream %s, version %s', e.position, e.stream_key, e.version)), '')
		FROM pasttense.events AS e
		WHERE NOT EXISTS (SELECT FROM applied AS a WHERE a.position = e.position)`

	sqlDoubled = `
		SELECT coalesce(sum(times - 1), 0)::bigint,
			coalesce(min(format('position %s was applied %s times: %s', position, times, by)), '')
		FROM (
			SELECT position, count(*) AS times,
				string_agg(format('process %s at %s as partition %s in epoch %s', process, applied_at, partition, epoch), '; '
					ORDER BY serial) AS by
			FROM applied GROUP BY position HAVING count(*) > 1
		) AS doubled`

	// The events of a stream are applied one after the other, under one lock or in epochs that follow each other, so that the
	// serial numbers have the order of the commits.
	sqlReordered = `
		SELECT count(*), coalesce(min(format('stream %s: version %s after %s', stream, version, before)), '')
		FROM (SELECT stream, version, lag(version) OVER (PARTITION BY stream ORDER BY serial) AS before FROM applied) AS a
		WHERE version < before`

	sqlForeign = `
		SELECT count(*), coalesce(min(format('position %s was applied as stream %s, version %s', a.position, a.stream, a.version)), '')
		FROM applied AS a
		LEFT JOIN pasttense.events AS e ON e.position = a.position AND e.stream_key = a.stream AND e.version = a.version
		WHERE e.position IS NULL`

	// sqlLate counts what a process has applied in an epoch that was not its own, or when it had ended. Both times were taken
	// under the lock of the checkpoint.
	sqlLate = `
		WITH held AS (
			SELECT partition, epoch, split_part(owner, '/', 2) AS process, began_at,
				lead(began_at, 1, 'infinity') OVER (PARTITION BY partition ORDER BY serial) AS ended_at
			FROM epochs
		)
		SELECT count(*), coalesce(min(format('position %s by process %s at %s as partition %s in epoch %s',
			a.position, a.process, a.applied_at, a.partition, a.epoch)), '')
		FROM applied AS a
		WHERE NOT EXISTS (
			SELECT FROM held AS h
			WHERE h.partition = a.partition AND h.epoch = a.epoch AND h.process = a.process
				AND a.applied_at BETWEEN h.began_at AND h.ended_at
		)`

	sqlCounters = `SELECT stream, n FROM counters`

	sqlTotals = `
		SELECT (SELECT count(*) FROM pasttense.events), (SELECT count(*) FROM applied), (SELECT count(*) FROM epochs),
			(SELECT count(DISTINCT process) FROM applied), (SELECT coalesce(sum(handled), 0) FROM pasttense.checkpoints)`
)

// totals are what there is in the end.
type totals struct {
	events, applied, epochs, processes, handled int
}

// verify compares what was appended with what was applied, after all processes have ended.
func verify(ctx context.Context, main *client.Client, w *writer, found *findings.Findings) (t totals, err error) {
	for _, check := range []struct {
		statement string
		finding   string
		what      string
	}{
		{sqlMissed, missed, "appended and not applied"},
		{sqlDoubled, doubled, "applied again"},
		{sqlReordered, reordered, "applied after a later one"},
		{sqlForeign, findings.Other, "applied that were not appended"},
		{sqlLate, findings.Other, "applied by a process whose partition was another's"},
	} {
		var count int
		var example string
		if err := main.Pool.QueryRow(ctx, check.statement).Scan(&count, &example); err != nil {
			return t, fmt.Errorf("count events %s: %w", check.what, err)
		}
		if count > 0 {
			found.Note(check.finding, count, "%d events %s: %s", count, check.what, example)
		}
	}
	if err := verifyCounters(ctx, main, w, found); err != nil {
		return t, err
	}
	if err := main.Pool.QueryRow(ctx, sqlTotals).Scan(&t.events, &t.applied, &t.epochs, &t.processes, &t.handled); err != nil {
		return t, fmt.Errorf("count what there is: %w", err)
	}
	if t.events != w.events {
		found.Object("%d events were acknowledged, and %d are there", w.events, t.events)
	}
	if t.handled != t.applied {
		found.Object("the checkpoints say that %d events were handled, and %d were applied", t.handled, t.applied)
	}
	return t, nil
}

// verifyCounters compares the counters with how far the writer has brought the streams.
func verifyCounters(ctx context.Context, main *client.Client, w *writer, found *findings.Findings) error {
	rows, _ := main.Pool.Query(ctx, sqlCounters)
	counted := make(map[eventstore.StreamID]eventstore.Version)
	var key string
	var n int64
	_, err := pgx.ForEachRow(rows, []any{&key, &n}, func() error {
		counted[eventstore.StreamID{Category: category, Key: key}] = eventstore.Version(n)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the counters: %w", err)
	}
	for stream, version := range w.versions {
		if counted[stream] != version {
			found.Object("stream %s is at version %d, and its counter at %d", stream, version, counted[stream])
		}
		delete(counted, stream)
	}
	for stream, n := range counted {
		found.Object("stream %s has no events, and its counter is at %d", stream, n)
	}
	return nil
}
