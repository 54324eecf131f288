package pgstore

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// sqlGrants makes the statements that grant on schema $2 what is granted on schema $1: on the schema, on the relations of
// equal names, and on their columns. What belongs to the owner needs no grant.
//
// On a new relation, a role gets what it has on every relation of the old schema, as who grants on all tables of a schema
// means also those to come. More would show a role what is not for it.
const sqlGrants = `
	WITH old_relations AS (
		SELECT oid, relname, relowner, relacl, CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
		FROM pg_class
		WHERE relnamespace = quote_ident($1)::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
	), new_relations AS (
		SELECT oid, relname, CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
		FROM pg_class
		WHERE relnamespace = quote_ident($2)::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
	), relation_grants AS (
		SELECT o.oid, o.relname, o.kind, a.grantee, a.privilege_type, a.is_grantable
		FROM old_relations AS o
		CROSS JOIN LATERAL aclexplode(o.relacl) AS a
		WHERE a.grantee <> o.relowner
	), grants AS (
		SELECT 'SCHEMA' AS kind, quote_ident($2) AS object, '' AS columns, a.grantee, a.privilege_type, a.is_grantable
		FROM pg_namespace AS n
		CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
		WHERE n.nspname = $1 AND a.grantee <> n.nspowner
		UNION ALL
		SELECT kind, format('%I.%I', $2::text, relname), '', grantee, privilege_type, is_grantable
		FROM relation_grants
		JOIN new_relations USING (relname, kind)
		UNION ALL
		SELECT n.kind, format('%I.%I', $2::text, n.relname), '', g.grantee, g.privilege_type, bool_and(g.is_grantable)
		FROM new_relations AS n
		JOIN relation_grants AS g USING (kind)
		WHERE n.relname NOT IN (SELECT relname FROM old_relations)
		GROUP BY n.kind, n.relname, g.grantee, g.privilege_type
		HAVING count(DISTINCT g.oid) = (SELECT count(*) FROM old_relations AS o WHERE o.kind = n.kind)
		UNION ALL
		SELECT n.kind, format('%I.%I', $2::text, n.relname), format('(%I)', x.attname), a.grantee, a.privilege_type,
			a.is_grantable
		FROM old_relations AS o
		JOIN new_relations AS n USING (relname, kind)
		JOIN pg_attribute AS x ON x.attrelid = o.oid AND x.attnum > 0 AND NOT x.attisdropped
		JOIN pg_attribute AS y ON y.attrelid = n.oid AND y.attname = x.attname AND NOT y.attisdropped
		CROSS JOIN LATERAL aclexplode(x.attacl) AS a
	)
	SELECT format('GRANT %s %s ON %s %s TO %s %s', privilege_type, columns, kind, object,
		CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
		CASE WHEN is_grantable THEN 'WITH GRANT OPTION' ELSE '' END)
	FROM grants`

// copyGrants grants on one schema what is granted on another.
func copyGrants(ctx context.Context, tx pgx.Tx, from, to string) error {
	rows, _ := tx.Query(ctx, sqlGrants, from, to)
	grants, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(grants) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, strings.Join(grants, ";\n"))
	return err
}
