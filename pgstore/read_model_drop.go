package pgstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

// sqlForeignViews finds the views of other schemas that read a schema's tables. They belong to their owners.
const sqlForeignViews = `
	SELECT DISTINCT v.oid::regclass::text
	FROM pg_namespace AS n
	JOIN pg_class AS c ON c.relnamespace = n.oid
	JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
		AND d.classid = 'pg_rewrite'::regclass
	JOIN pg_rewrite AS r ON r.oid = d.objid
	JOIN pg_class AS v ON v.oid = r.ev_class
	WHERE n.nspname = $1 AND v.relnamespace <> n.oid
	ORDER BY 1`

// Drop implements [eventstore.ReadModels]. It waits for readers that still read the version, and does nothing when the
// consumer is not defined. What others have made in its schema goes too; views in other schemas that read it are not
// dropped: then Drop returns an error wrapping [eventstore.ErrInvalid] that names them.
func (t *Target) Drop(ctx context.Context, consumer eventstore.ConsumerID) error {
	if err := consumer.Validate(); err != nil {
		return describe("drop the read model of", consumer, err)
	}
	var chosen chosenConsumer
	var found []readModel
	err := t.transact(ctx, t.idleTimeout, func(batch *pgx.Batch) {
		batch.Queue(sqlDefineLock, defineLock(consumer.Name)) // as Forget does
		batch.Queue(t.sql.seizeConsumer, consumer.Name, consumer.Version).QueryRow(chosen.scan)
		batch.Queue(t.sql.readModels.own, consumer.Name, consumer.Version).Query(collectReadModels(&found))
	}, func(tx pgx.Tx) error {
		switch {
		case !chosen.found:
			return nil
		case chosen.live:
			return fmt.Errorf("%w: it is the live version", eventstore.ErrInvalid)
		}
		if err := t.forgetIn(ctx, tx, chosen); err != nil || found[0].schema == nil {
			return err
		}
		return dropSchema(ctx, tx, *found[0].schema)
	})
	t.lookout.nudge(consumer)
	return describe("drop the read model of", consumer, err)
}

func dropSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	rows, _ := tx.Query(ctx, sqlForeignViews, schema)
	views, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if len(views) > 0 {
		return fmt.Errorf("%w: views of other schemas read it: drop %s first",
			eventstore.ErrInvalid, strings.Join(views, ", "))
	}
	_, err = tx.Exec(ctx, "DROP SCHEMA IF EXISTS "+quoteSchema(schema)+" CASCADE")
	return err
}
