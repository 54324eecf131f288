package pgstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	sqlSetLive = `
		UPDATE {schema}.consumers SET live = (version = $2), was_live = true
		WHERE consumer = $1 AND live <> (version = $2)`

	// sqlIsWorkedOn tells whether each partition has an owner and goes on.
	sqlIsWorkedOn = `
		SELECT bool_and(m.member IS NOT NULL AND NOT c.paused)
		FROM {schema}.checkpoints AS c
		LEFT JOIN {schema}.members AS m ON m.consumer = c.consumer AND m.version = c.version AND m.member = c.owner
			AND m.expires_at > clock_timestamp()
		WHERE c.consumer = $1 AND c.version = $2`

	sqlBeginLive = `
		UPDATE {schema}.checkpoints SET stop_at = 0, epoch = epoch + 1, updated_at = clock_timestamp()
		WHERE consumer = $1 AND version = ANY ($2)`
)

// Switch implements [eventstore.ReadModels]. It waits for moves of both versions that are under way. To switch to the
// version that is live does nothing.
//
// A reader's statement finds all of its tables in the version that was live, or all in the other. For that, Switch locks
// the tables of the one that was live, which waits for the transactions that read them and lets later ones wait: it gives
// up after a tenth of a second, lets them read, and tries again. When it has found no such moment after three seconds, as
// a long transaction reads the tables, it returns an error.
//
// Views and foreign keys of other schemas stay with the version that they were made on. A transaction whose snapshot is
// older than the rows of the new version does not see them. A prepared statement fails once on each connection when its
// result has other columns in the new version: readers should name them instead of SELECT *.
//
// Before the switch, the roles that have privileges on the live version's schema, and on its tables, views and sequences
// and their columns, get the same on those of equal names in the new one. On a table or view that is new they get what
// they have on all of the live version's. Nothing is revoked, and default privileges are not copied. The role that
// switches must be the owner of both schemas.
func (t *Target) Switch(ctx context.Context, to eventstore.ConsumerID) error {
	if err := to.Validate(); err != nil {
		return describe("switch to", to, err)
	}
	err := awaitReaders(ctx, func() error {
		var versions []readModel
		return t.transact(ctx, t.idleTimeout, func(batch *pgx.Batch) {
			batch.Queue(t.sql.readModels.all, to.Name).Query(collectReadModels(&versions))
		}, func(tx pgx.Tx) error { return t.switchTo(ctx, tx, to, versions) })
	})
	t.lookout.nudge(to)
	return describe("switch to", to, err)
}

func (t *Target) switchTo(ctx context.Context, tx pgx.Tx, to eventstore.ConsumerID, versions []readModel) error {
	next := slices.IndexFunc(versions, func(m readModel) bool { return m.version == to.Version })
	live := slices.IndexFunc(versions, func(m readModel) bool { return m.live })
	switch {
	case next < 0 || live < 0:
		return errUndefined
	case next == live:
		return nil
	}
	if err := t.lockForSwitch(ctx, tx, to.Name, versions[live].version, to.Version); err != nil {
		return err
	}
	if err := exchangeSchemas(ctx, tx, versions[live], versions[next]); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(t.sql.readModels.live, to.Name, to.Version)
	batch.Queue(t.sql.readModels.beginLive, to.Name, []int{versions[live].version, to.Version})
	return tx.SendBatch(ctx, batch).Close()
}

// lockForSwitch locks the checkpoints of both versions and returns an error when the next one is not there yet.
func (t *Target) lockForSwitch(ctx context.Context, tx pgx.Tx, name string, live, next int) error {
	states := make(map[int][]state, 2)
	for _, version := range []int{min(live, next), max(live, next)} { // in the order in which all lock
		var err error
		if states[version], err = t.lockPartitions(ctx, tx, []string{name}, []int{version}); err != nil {
			return err
		}
	}
	var furthest eventstore.Position
	for _, s := range states[live] {
		furthest = max(furthest, s.position)
	}
	var workedOn bool
	if err := tx.QueryRow(ctx, t.sql.readModels.isWorkedOn, name, live).Scan(&workedOn); err != nil {
		return err
	}
	if workedOn { // each event has its effects by one version if both have handled the same
		if _, _, err := meetingPoint(slices.Concat(states[live], states[next])); err != nil {
			return err
		}
	}
	for i, s := range states[next] {
		switch {
		case s.paused:
			return fmt.Errorf("%w: partition %d: %s", eventstore.ErrPaused, i, s.reason)
		case s.position < furthest:
			return fmt.Errorf("%w: partition %d is at position %d, version %d, which is live, at %d",
				eventstore.ErrCheckpointMoved, i, s.position, live, furthest)
		}
	}
	return nil
}

// exchangeSchemas gives the next version the name of the live one.
func exchangeSchemas(ctx context.Context, tx pgx.Tx, live, next readModel) error {
	if next.schema == nil {
		if live.schema == nil {
			return nil
		}
		return fmt.Errorf("%w: it has no read model of its own, as version %d has, which is live: prepare it",
			eventstore.ErrInvalid, live.version)
	}
	if live.schema != nil {
		if err := excludeReaders(ctx, tx, *live.schema); err != nil {
			return err
		}
		if err := copyGrants(ctx, tx, *live.schema, *next.schema); err != nil {
			return fmt.Errorf("grant on schema %q what is granted on %q: %w", *next.schema, *live.schema, err)
		}
		if err := renameSchema(ctx, tx, *live.schema, fmt.Sprintf("%s_v%d", *live.name, live.version)); err != nil {
			return err
		}
	}
	return renameSchema(ctx, tx, *next.schema, *next.name)
}

func renameSchema(ctx context.Context, tx pgx.Tx, from, to string) error {
	_, err := tx.Exec(ctx, "ALTER SCHEMA "+quoteSchema(from)+" RENAME TO "+quoteSchema(to))
	return describeTaken(to, err)
}
