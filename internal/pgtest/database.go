package pgtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// emptyTemplate is the template that nobody can have put anything into or be connected to.
const emptyTemplate = "template0"

// SetDefault sets what a parameter is at the start of every later session of a database, such as default_transaction_isolation.
// A copy of a template does not inherit it.
func SetDefault(t testing.TB, databaseURL, parameter, value string) {
	t.Helper()
	database := pgx.Identifier{databaseName(databaseURL)}.Sanitize()
	name := pgx.Identifier(strings.Split(parameter, ".")).Sanitize()
	literal := "'" + strings.ReplaceAll(value, "'", "''") + "'"
	err := execute(t.Context(), databaseURL, fmt.Sprintf("ALTER DATABASE %s SET %s = %s", database, name, literal))
	if err != nil {
		t.Fatalf("pgtest: set the default of %s: %v", parameter, err)
	}
}

// terminateWait is how long Terminate waits for each session to be gone: far longer than any needs.
const terminateWait = 10 * time.Second

// Terminate ends the sessions of a database, or only those with one of the given application names, and returns when they are gone
// with how many they were. It needs the rights of pg_signal_backend.
func Terminate(t testing.TB, databaseURL string, applications ...string) int {
	t.Helper()
	const terminate = `
		SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, $1))
		FROM pg_stat_activity
		WHERE datname = current_database()
		  AND pid <> pg_backend_pid()
		  AND (cardinality($2::text[]) = 0 OR application_name = ANY ($2))`
	var ended int
	err := connected(t.Context(), databaseURL, func(conn *pgx.Conn) error {
		names := append([]string{}, applications...) // nil would be NULL
		return conn.QueryRow(t.Context(), terminate, terminateWait.Milliseconds(), names).Scan(&ended)
	})
	if err != nil {
		t.Fatalf("pgtest: terminate sessions: %v", err)
	}
	return ended
}

// createForTest creates a database that is dropped after the test, and returns its URL.
func createForTest(t testing.TB, maintenance, name, template string) string {
	t.Helper()
	if err := create(t.Context(), maintenance, name, template); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if err := drop(context.WithoutCancel(t.Context()), maintenance, name); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return withDatabase(maintenance, name)
}

func create(ctx context.Context, maintenance, name, template string) error {
	err := execute(ctx, maintenance, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s ENCODING 'UTF8'", name, template))
	if err != nil {
		return fmt.Errorf("create database %s from %s: %w", name, template, err)
	}
	return nil
}

func drop(ctx context.Context, maintenance, name string) error {
	if err := execute(ctx, maintenance, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", name)); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// dropAll drops the databases whose names begin with a prefix.
func dropAll(ctx context.Context, maintenance, prefix string) error {
	return dropWhere(ctx, maintenance, func(name string) bool { return strings.HasPrefix(name, prefix) })
}

// dropLeftovers drops what killed test runs have left on a server.
func dropLeftovers(ctx context.Context, maintenance string) error {
	now := time.Now()
	return dropWhere(ctx, maintenance, func(name string) bool { return isLeftover(name, now) })
}

func dropWhere(ctx context.Context, maintenance string, condemned func(name string) bool) error {
	var all []string
	err := connected(ctx, maintenance, func(conn *pgx.Conn) error {
		rows, _ := conn.Query(ctx, "SELECT datname FROM pg_database") // CollectRows reports the error
		var err error
		all, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range all {
		if condemned(name) {
			failed = append(failed, drop(ctx, maintenance, name))
		}
	}
	return errors.Join(failed...)
}

func execute(ctx context.Context, databaseURL, statement string) error {
	return connected(ctx, databaseURL, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, statement)
		return err
	})
}

// connected calls f with a connection that is closed when f returns.
func connected(ctx context.Context, databaseURL string, f func(conn *pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	return errors.Join(f(conn), conn.Close(ctx))
}
