package pgstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pasttense/pasttense/eventstore"
)

// The read model of a version is a schema of its own. That of the live version is called like the consumer, so that
// readers know it, others have their version behind the name. To switch is to rename two schemas: that locks no table,
// and whoever has a statement prepared has its names looked up again.

var _ eventstore.ReadModels[pgx.Tx] = (*Target)(nil)

// readModelName is what needs no quotes and leaves room for a version.
var readModelName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,49}$`)

const (
	sqlReadModel = `
		SELECT version, live, read_model, {schema}.read_model_schema(read_model, version, live)
		FROM {schema}.consumers
		WHERE consumer = $1`

	// sqlOwnReadModel keeps others who prepare the version waiting, and those who switch.
	sqlOwnReadModel = sqlReadModel + ` AND version = $2 FOR NO KEY UPDATE`

	// sqlReadModels keeps all away who look for the live version in order to change something.
	sqlReadModels = sqlReadModel + ` ORDER BY version FOR UPDATE`

	sqlSetReadModel = `UPDATE {schema}.consumers SET read_model = $3 WHERE consumer = $1 AND version = $2`

	sqlHasBegun = `
		SELECT EXISTS (SELECT FROM {schema}.checkpoints WHERE consumer = $1 AND version = $2 AND position > 0)`

	// sqlForeignLive tells whether there is a schema of the consumer's name that is not its live version's.
	sqlForeignLive = `
		SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)
			AND NOT EXISTS (SELECT FROM {schema}.consumers WHERE consumer = $1 AND live AND read_model IS NOT NULL)`

	sqlSchemaExists = `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`

	// sqlEnterSchema does for the whole transaction what sqlLockCheckpoint does for work.
	sqlEnterSchema = `
		SELECT set_config('search_path',
			concat_ws(', ', quote_ident($1), nullif(current_setting('search_path'), '')), true)`
)

type readModelStatements struct {
	schema                                   string // of the store
	own, all, set, hasBegun, live, beginLive string
	standing, isWorkedOn, foreignLive        string
}

func newReadModelStatements(schema string) readModelStatements {
	return readModelStatements{
		schema:     schema,
		own:        fillSchema(sqlOwnReadModel, schema),
		all:        fillSchema(sqlReadModels, schema),
		set:        fillSchema(sqlSetReadModel, schema),
		hasBegun:   fillSchema(sqlHasBegun, schema),
		live:       fillSchema(sqlSetLive, schema),
		beginLive:  fillSchema(sqlBeginLive, schema),
		standing:   fillSchema(sqlStanding, schema),
		isWorkedOn: fillSchema(sqlIsWorkedOn, schema),

		foreignLive: fillSchema(sqlForeignLive, schema),
	}
}

// readModel is the read model of a version of a consumer.
type readModel struct {
	version int
	live    bool
	name    *string // of the live version's schema; nil when the version has no schema of its own
	schema  *string // where it is now
}

func scanReadModel(row pgx.CollectableRow) (m readModel, err error) {
	err = row.Scan(&m.version, &m.live, &m.name, &m.schema)
	return m, err
}

// collectReadModels is for the rows of a batch.
func collectReadModels(into *[]readModel) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, scanReadModel)
		return err
	}
}

// Prepare implements [eventstore.ReadModels]. The place of a version is a schema. That of the live version has the name
// of the consumer, another has its version behind it, as in sales_v2. In the transaction of setUp, and in that of work
// in [Target.Advance], it is the first of the search_path: both name their tables without a schema. Readers name the
// live version's, as in sales.orders.
//
// The name of the consumer must be a plain identifier, which begins with a lower-case letter or an underscore and goes on
// with these or digits, of at most 50 bytes; it must not begin with pg_, nor be public or the schema of the store. An
// error that wraps [eventstore.ErrInvalid] says so, as it does when the consumer is not defined or has handled events
// without a read model of its own, or when there is a schema of the same name, or of that of the live version, that
// Prepare has not made.
//
// The role needs the right to create schemas in the database, and is the owner of those it makes. Of several calls at
// the same time one runs setUp, the others wait for it. Prepare does not see what setUp has become since it ran.
func (t *Target) Prepare(
	ctx context.Context, consumer eventstore.ConsumerID, setUp func(ctx context.Context, tx pgx.Tx) error,
) error {
	if err := errors.Join(consumer.Validate(), t.validateReadModelName(consumer.Name)); err != nil {
		return describe("prepare the read model of", consumer, err)
	}
	var found []readModel
	err := t.transact(ctx, t.idleTimeout, func(batch *pgx.Batch) {
		batch.Queue(t.sql.readModels.own, consumer.Name, consumer.Version).Query(collectReadModels(&found))
	}, func(tx pgx.Tx) error {
		switch {
		case len(found) == 0:
			return errUndefined
		case found[0].schema != nil:
			return requireSchema(ctx, tx, *found[0].schema)
		}
		if err := t.makeSchema(ctx, tx, consumer); err != nil {
			return err
		}
		return setUp(ctx, tx)
	})
	return describe("prepare the read model of", consumer, err)
}

func (t *Target) validateReadModelName(name string) error {
	reserved := name == "public" || name == t.sql.readModels.schema || strings.HasPrefix(name, "pg_")
	if reserved || !readModelName.MatchString(name) {
		return fmt.Errorf("%w: the name %q cannot be that of its schema: it must be of lower-case letters, digits and "+
			"underscores, not begin with a digit or pg_, have at most 50 bytes, and not be public or the store's schema",
			eventstore.ErrInvalid, name)
	}
	return nil
}

// requireSchema returns an error when somebody has removed a version's schema.
func requireSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	var exists bool
	if err := tx.QueryRow(ctx, sqlSchemaExists, schema).Scan(&exists); err != nil || exists {
		return err
	}
	return fmt.Errorf("%w: its schema %q is gone: forget it, to begin anew", eventstore.ErrInvalid, schema)
}

// makeSchema makes the schema of a version whose row is locked, and enters it.
func (t *Target) makeSchema(ctx context.Context, tx pgx.Tx, id eventstore.ConsumerID) error {
	var begun bool
	if err := tx.QueryRow(ctx, t.sql.readModels.hasBegun, id.Name, id.Version).Scan(&begun); err != nil {
		return err
	}
	if begun {
		return fmt.Errorf("%w: it has handled events already, which are not in a read model of its own: "+
			"give it another version, or forget it", eventstore.ErrInvalid)
	}
	var taken bool
	if err := tx.QueryRow(ctx, t.sql.readModels.foreignLive, id.Name).Scan(&taken); err != nil {
		return err
	}
	if taken { // said now, and not when the version is filled and cannot become the live one
		return errTaken(id.Name)
	}
	var made []readModel
	batch := &pgx.Batch{}
	batch.Queue(t.sql.readModels.set, id.Name, id.Version, id.Name)
	batch.Queue(t.sql.readModels.own, id.Name, id.Version).Query(collectReadModels(&made))
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	schema := *made[0].schema
	if _, err := tx.Exec(ctx, "CREATE SCHEMA "+quoteSchema(schema)); err != nil {
		return describeTaken(schema, err)
	}
	_, err := tx.Exec(ctx, sqlEnterSchema, schema)
	return err
}

// describeTaken says what to do when a schema of a read model's name is there that is none.
func describeTaken(schema string, err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != codeDuplicateSchema {
		return err
	}
	return fmt.Errorf("%w (%w)", errTaken(schema), err)
}

func errTaken(schema string) error {
	return fmt.Errorf("%w: there is a schema %q, which was made for something else: rename or drop that schema, "+
		"or give the consumer another name", eventstore.ErrInvalid, schema)
}
