package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlIsRun tells whether there is a member whose lease has not run out. Those that own no partition count: they are
	// about to take over from others.
	sqlIsRun = `
		SELECT EXISTS (
			SELECT FROM {schema}.members WHERE consumer = $1 AND version = $2 AND expires_at > clock_timestamp()
		)`

	sqlHasOthers = `
		SELECT EXISTS (SELECT FROM {schema}.consumers WHERE consumer = $1 AND version <>` + chosenVersion + `)`

	sqlForgetMembers  = `DELETE FROM {schema}.members WHERE consumer = $1 AND version = $2`
	sqlForgetParked   = `DELETE FROM {schema}.parked WHERE consumer = $1 AND version = $2`
	sqlForgetSkipped  = `DELETE FROM {schema}.skipped WHERE consumer = $1 AND version = $2`
	sqlForgetConsumer = `DELETE FROM {schema}.consumers WHERE consumer = $1 AND version = $2`

	// sqlForgetInstances locks the rows by instance, as all do who lock several.
	sqlForgetInstances = `
		WITH locked AS MATERIALIZED (
			SELECT instance FROM {schema}.instances WHERE process = $1 ORDER BY instance FOR UPDATE
		)
		DELETE FROM {schema}.instances WHERE process = $1 AND instance = ANY (ARRAY(SELECT instance FROM locked))`
)

// Forget implements [eventstore.Checkpoints]. With a process manager the entries of its instances are removed. The live one of several
// versions is not forgotten; that is an error wrapping [eventstore.ErrInvalid].
func (t *Target) Forget(ctx context.Context, consumer eventstore.ConsumerID) error {
	if err := validateChoice(consumer); err != nil {
		return describe("forget", consumer, err)
	}
	var chosen chosenConsumer
	var hasOthers bool
	err := t.transact(ctx, t.idleTimeout, func(batch *pgx.Batch) {
		batch.Queue(sqlDefineLock, defineLock(consumer.Name)) // lest a version be defined beside it that is not live
		batch.Queue(t.sql.seizeConsumer, consumer.Name, consumer.Version).QueryRow(chosen.scan)
		batch.Queue(t.sql.hasOthers, consumer.Name, consumer.Version).
			QueryRow(func(row pgx.Row) error { return row.Scan(&hasOthers) })
	}, func(tx pgx.Tx) error {
		switch {
		case !chosen.found:
			return nil
		case chosen.live && hasOthers:
			return fmt.Errorf("%w: it is the live one of several versions", eventstore.ErrInvalid)
		}
		return t.forgetIn(ctx, tx, chosen)
	})
	t.lookout.nudge(consumer)
	return describe("forget", consumer, err)
}

// forgetIn removes all that is kept of a consumer that the transaction has seized. It waits for a move that is under way.
// It returns [eventstore.ErrOwned] when a member runs the consumer.
func (t *Target) forgetIn(ctx context.Context, tx pgx.Tx, chosen chosenConsumer) error {
	var isRun bool
	if err := tx.QueryRow(ctx, t.sql.isRun, chosen.Name, chosen.Version).Scan(&isRun); err != nil {
		return err
	}
	if isRun {
		return eventstore.ErrOwned
	}
	batch := &pgx.Batch{}
	batch.Queue(t.sql.lockPartitions, []string{chosen.Name}, []int{chosen.Version})
	for _, statement := range t.sql.forget {
		batch.Queue(statement, chosen.Name, chosen.Version)
	}
	if chosen.live {
		batch.Queue(t.sql.forgetInstances, chosen.Name)
	}
	return tx.SendBatch(ctx, batch).Close()
}
