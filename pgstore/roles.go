package pgstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Roles names the database roles that [Migrate] sets up for applications. They cannot log in: grant them to the roles
// that do. Roles belong to the whole cluster, so their names are the caller's choice; an empty name sets up no role.
// None of them can update, delete or truncate events.
type Roles struct {
	// Writer appends and reads events, and keeps checkpoints and tasks.
	Writer string
	// Consumer reads events, and keeps checkpoints and tasks.
	Consumer string
	// Reader only reads.
	Reader string
}

// Privileges, as one statement each: {role} gets what it may do and nothing that it may not.
const (
	sqlCreateRole = `
		DO $do$ BEGIN
			CREATE ROLE {role} NOLOGIN;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			NULL; -- it is there, or another database's migration has just made it
		END $do$`

	sqlGrantRead = `
		GRANT USAGE ON SCHEMA {schema} TO {role};
		GRANT SELECT ON {schema}.events, {schema}.events_position, {schema}.checkpoints, {schema}.tasks TO {role}`

	sqlGrantConsume = `GRANT INSERT, UPDATE, DELETE ON {schema}.checkpoints, {schema}.tasks TO {role}`

	sqlGrantAppend = `
		GRANT INSERT ON {schema}.events TO {role};
		GRANT USAGE ON SEQUENCE {schema}.events_position TO {role};
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
		fill := strings.NewReplacer("{schema}", quoteSchema(schema), "{role}", pgx.Identifier{role.name}.Sanitize())
		statements := append([]string{sqlCreateRole}, role.grants...)
		for _, statement := range statements {
			if _, err := conn.Exec(ctx, fill.Replace(statement), pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("set up role %q: %w", role.name, err)
			}
		}
	}
	return nil
}
