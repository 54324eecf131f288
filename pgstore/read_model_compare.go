package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

// maxExamples is how many rows a difference shows of each version.
const maxExamples = 5

const (
	// sqlStanding finds a version's schema and between which positions its partitions are.
	sqlStanding = `
		SELECT quote_ident(m.schema), n.oid, min(c.position), max(c.position)
		FROM (
			SELECT consumer, version, {schema}.read_model_schema(read_model, version, live) AS schema
			FROM {schema}.consumers
			WHERE consumer = $1 AND version = $2
		) AS m
		JOIN {schema}.checkpoints AS c USING (consumer, version)
		LEFT JOIN pg_namespace AS n ON n.nspname = m.schema
		GROUP BY m.schema, n.oid`

	// sqlColumns lists the columns of a schema's tables. Views show what is in tables, and partitions are a part of theirs.
	// A type of the same schema is named without it, as the other version has one of its own.
	sqlColumns = `
		SELECT c.relname, quote_ident(a.attname),
			CASE t.typnamespace WHEN c.relnamespace THEN t.typname ELSE format_type(a.atttypid, a.atttypmod) END
		FROM pg_class AS c
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		JOIN pg_type AS t ON t.oid = a.atttypid
		WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
		ORDER BY c.relname, a.attname`

	// sqlDiffer compares the rows as text: not all types can be compared, and readers see the text. A row that is there
	// several times counts as often. It reads each table once, and sorts or hashes on disk what memory does not hold.
	sqlDiffer = `
		WITH surplus AS MATERIALIZED (
			SELECT line, sum(number) AS number
			FROM (
				SELECT row_to_json(r)::text COLLATE "C" AS line, 1 AS number FROM (SELECT {columns} FROM {one}) AS r
				UNION ALL
				SELECT row_to_json(r)::text COLLATE "C", -1 FROM (SELECT {columns} FROM {other}) AS r
			) AS lines
			GROUP BY line
			HAVING sum(number) <> 0
		)
		SELECT coalesce(sum(number) FILTER (WHERE number > 0), 0)::bigint,
			coalesce(-sum(number) FILTER (WHERE number < 0), 0)::bigint,
			ARRAY(SELECT '-' || line FROM surplus WHERE number > 0 ORDER BY line LIMIT $1)
				|| ARRAY(SELECT '+' || line FROM surplus WHERE number < 0 ORDER BY line LIMIT $1)
		FROM surplus`

	sqlSchemaIs = `SELECT to_regnamespace($1) IS NOT DISTINCT FROM $2::oid::regnamespace`
)

// Compare implements [eventstore.ReadModels]. The parts are the tables and materialized views; of views it takes no
// account. Rows are compared by what they are as text, whatever the order of the columns: 1.0 and 1.00 differ, as do two
// values of type json that are written differently. Numbers from a sequence may differ for no other reason than that a
// transaction was rolled back.
//
// It takes no locks: checkpoints and rows are of one snapshot. It has a connection of its own, beside those of the pool.
// When the versions are switched or dropped meanwhile it returns an error.
func (t *Target) Compare(ctx context.Context, one, other eventstore.ConsumerID) ([]eventstore.Difference, error) {
	differences, err := t.compare(ctx, one, other)
	if err != nil {
		return nil, fmt.Errorf("compare the read models of consumers %q and %q: %w", one, other, err)
	}
	return differences, nil
}

func (t *Target) compare(ctx context.Context, one, other eventstore.ConsumerID) ([]eventstore.Difference, error) {
	if err := errors.Join(one.Validate(), other.Validate()); err != nil {
		return nil, err
	}
	// A comparison may take minutes, and needs a second connection to let the versions proceed. So that a small pool is
	// not exhausted by a few that wait for each other, the first is taken out of it.
	pooled, err := t.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	conn := pooled.Hijack()
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	c := &comparison{tx: tx}
	if err := c.meet(ctx, t.sql.readModels.standing, one, other); err != nil {
		return nil, err
	}
	if err := t.Proceed(ctx, one, other); err != nil {
		return nil, err
	}
	return c.compare(ctx)
}

// comparison compares two versions in a snapshot.
type comparison struct {
	tx         pgx.Tx
	one, other comparedVersion
}

type comparedVersion struct {
	id          eventstore.ConsumerID
	schema      *string // quoted
	oid         *uint32
	least, most eventstore.Position
}

// meet takes the snapshot and returns an error when the versions are not at one position in it. Read model and
// checkpoint are committed together, so what the snapshot has of them belongs together.
func (c *comparison) meet(ctx context.Context, standing string, one, other eventstore.ConsumerID) error {
	c.one.id, c.other.id = one, other
	for _, v := range []*comparedVersion{&c.one, &c.other} {
		err := c.tx.QueryRow(ctx, standing, v.id.Name, v.id.Version).Scan(&v.schema, &v.oid, &v.least, &v.most)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return fmt.Errorf("%w: %q is not defined", eventstore.ErrInvalid, v.id)
		case err != nil:
			return err
		case v.oid == nil:
			return fmt.Errorf("%w: %q has no read model of its own", eventstore.ErrInvalid, v.id)
		}
	}
	if c.one.least != c.one.most || c.other.least != c.other.most || c.one.least != c.other.least {
		return fmt.Errorf("%w: partitions are at positions from %d to %d", eventstore.ErrCheckpointMoved,
			min(c.one.least, c.other.least), max(c.one.most, c.other.most))
	}
	return nil
}

func (c *comparison) compare(ctx context.Context) (differences []eventstore.Difference, err error) {
	one, err := c.tables(ctx, c.one)
	if err != nil {
		return nil, err
	}
	other, err := c.tables(ctx, c.other)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(one)
	maps.Copy(all, other)
	for _, table := range slices.Sorted(maps.Keys(all)) {
		difference := eventstore.Difference{Part: table, OnlyOne: -1, OnlyOther: -1}
		difference.Reason = c.incomparable(one[table], other[table])
		if difference.Reason == "" {
			if err := c.differ(ctx, &difference, one[table]); err != nil {
				return nil, fmt.Errorf("table %q: %w", table, err)
			}
		}
		if difference.OnlyOne != 0 || difference.OnlyOther != 0 {
			differences = append(differences, difference)
		}
	}
	return differences, cmp.Or(c.requireSame(ctx, c.one), c.requireSame(ctx, c.other))
}

// column is a column of a table, with its name quoted.
type column struct{ name, dataType string }

// tables returns the columns of a version's tables, sorted by their names.
func (c *comparison) tables(ctx context.Context, v comparedVersion) (map[string][]column, error) {
	tables := make(map[string][]column)
	rows, _ := c.tx.Query(ctx, sqlColumns, *v.oid)
	var table string
	var next column
	_, err := pgx.ForEachRow(rows, []any{&table, &next.name, &next.dataType}, func() error {
		tables[table] = append(tables[table], next)
		return nil
	})
	return tables, err
}

// incomparable says why a table cannot be compared, if it cannot.
func (c *comparison) incomparable(one, other []column) string {
	switch {
	case other == nil:
		return fmt.Sprintf("only %q has it", c.one.id)
	case one == nil:
		return fmt.Sprintf("only %q has it", c.other.id)
	case slices.Equal(one, other):
		return ""
	}
	return fmt.Sprintf("the columns differ: %q has %s, %q has %s",
		c.one.id, without(one, other), c.other.id, without(other, one))
}

// without lists the columns that are not among others.
func without(columns, others []column) string {
	var rest []string
	for _, column := range columns {
		if !slices.Contains(others, column) {
			rest = append(rest, column.name+" "+column.dataType)
		}
	}
	return cmp.Or(strings.Join(rest, ", "), "no other")
}

func (c *comparison) differ(ctx context.Context, difference *eventstore.Difference, columns []column) error {
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.name
	}
	table := pgx.Identifier{difference.Part}.Sanitize()
	statement := strings.NewReplacer(
		"{columns}", strings.Join(names, ", "),
		"{one}", *c.one.schema+"."+table,
		"{other}", *c.other.schema+"."+table,
	).Replace(sqlDiffer)
	return c.tx.QueryRow(ctx, statement, maxExamples).
		Scan(&difference.OnlyOne, &difference.OnlyOther, &difference.Examples)
}

// requireSame returns an error when a version's schema has got another name since the snapshot: names do not belong to
// it.
func (c *comparison) requireSame(ctx context.Context, v comparedVersion) error {
	var same bool
	if err := c.tx.QueryRow(ctx, sqlSchemaIs, *v.schema, *v.oid).Scan(&same); err != nil || same {
		return err
	}
	return fmt.Errorf("%q was switched or dropped meanwhile: compare again", v.id)
}
