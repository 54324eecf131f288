package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Roles names the database roles that [Migrate] sets up for applications. They cannot log in: grant them to the roles
// that do. Roles belong to the whole cluster, so their names are the caller's choice; an empty name sets up no role.
// None of them can update, delete or truncate events.
type Roles struct {
	// Writer appends, imports and reads events, keeps and deletes snapshots, and runs consumers, as Consumer does.
	Writer string
	// Consumer reads events, and runs, controls and forgets consumers: it keeps their checkpoints, leases, and
	// what they have parked and skipped, and the agendas of process managers.
	Consumer string
	// Reader only reads: events, snapshots, and what is kept of consumers.
	Reader string
}

const (
	sqlGrantRead = `
		GRANT USAGE ON SCHEMA {schema} TO {role};
		GRANT SELECT ON {schema}.events, {schema}.events_position, {schema}.imports, {schema}.snapshots,
			{schema}.consumer_status, ` + consumerTables + ` TO {role};
		GRANT EXECUTE ON FUNCTION {schema}.schema_version(), {schema}.read_model_schema(text, integer, boolean) TO {role}`

	sqlGrantConsume = `GRANT INSERT, UPDATE, DELETE ON ` + consumerTables + ` TO {role}`

	consumerTables = `{schema}.consumers, {schema}.checkpoints, {schema}.members, {schema}.parked, {schema}.skipped,
			{schema}.instances`

	sqlGrantAppend = `
		GRANT INSERT ON {schema}.events TO {role};
		GRANT USAGE ON SEQUENCE {schema}.events_position TO {role};
		GRANT INSERT, UPDATE, DELETE ON {schema}.imports, {schema}.snapshots TO {role};
		GRANT EXECUTE ON FUNCTION {schema}.release_reservations(bigint[]) TO {role}`
)

func (r *Roles) setUp(ctx context.Context, conn *pgx.Conn, schema string) error {
	for _, role := range []struct {
		name   string
		grants []string
	}{
		{r.Writer, []string{sqlGrantRead, sqlGrantConsume, sqlGrantAppend}},
		{r.Consumer, []string{sqlGrantRead, sqlGrantConsume}},
		{r.Reader, []string{sqlGrantRead}},
	} {
		if role.name == "" {
			continue
		}
		if err := setUpRole(ctx, conn, schema, role.name, role.grants); err != nil {
			return fmt.Errorf("set up role %q: %w", role.name, err)
		}
	}
	return nil
}

func setUpRole(ctx context.Context, conn *pgx.Conn, schema, role string, grants []string) error {
	if err := createRole(ctx, conn, role); err != nil {
		return err
	}
	fill := strings.NewReplacer("{schema}", quoteSchema(schema), "{role}", pgx.Identifier{role}.Sanitize())
	for _, statements := range grants {
		if _, err := conn.Exec(ctx, fill.Replace(statements)); err != nil {
			return err
		}
	}
	return nil
}

// createRole creates a role that is missing. Another database's migration may be doing the same.
func createRole(ctx context.Context, conn *pgx.Conn, role string) error {
	var exists bool
	const look = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
	if err := conn.QueryRow(ctx, look, role).Scan(&exists); err != nil || exists {
		return err
	}
	_, err := conn.Exec(ctx, "CREATE ROLE "+pgx.Identifier{role}.Sanitize()+" NOLOGIN")
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && (pgErr.Code == codeDuplicateObject || pgErr.Code == codeUniqueViolation) {
		return nil
	}
	return err
}
