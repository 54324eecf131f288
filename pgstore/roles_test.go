package pgstore_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// setUpRoles sets up roles whose names no other test on the server has.
func setUpRoles(t *testing.T, databaseURL string) *pgstore.Roles {
	t.Helper()
	suffix := uuid.NewString()
	roles := &pgstore.Roles{Writer: "writer-" + suffix, Consumer: "consumer-" + suffix, Reader: "reader-" + suffix}
	for range 2 { // again, as every start of a program does
		require.NoError(t, pgstore.Migrate(t.Context(), databaseURL, &pgstore.MigrateOptions{Roles: roles, Logger: silent}))
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		conn, err := pgx.Connect(ctx, databaseURL)
		require.NoError(t, err)
		defer func() { _ = conn.Close(ctx) }()
		for _, role := range []string{roles.Writer, roles.Consumer, roles.Reader} {
			name := pgx.Identifier{role}.Sanitize()
			_, err := conn.Exec(ctx, "DROP OWNED BY "+name+"; DROP ROLE "+name)
			require.NoError(t, err)
		}
	})
	return roles
}

// as returns a URL whose sessions have the privileges of a role.
func as(t *testing.T, databaseURL, role string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	query := u.Query()
	query.Set("role", role)
	u.RawQuery = query.Encode()
	return u.String()
}

func requireDenied(t *testing.T, err error, what string) {
	t.Helper()
	var pgErr *pgconn.PgError
	require.ErrorAs(t, err, &pgErr, what)
	require.Equal(t, "42501", pgErr.Code, what) // insufficient_privilege
}

// S12: whatever a program that appends or reads does, an event stays as it was recorded.
func TestNoRoleCanChangeEvents(t *testing.T) {
	t.Parallel()
	databaseURL := migrated.Database(t)
	roles := setUpRoles(t, databaseURL)
	_, err := open(t, databaseURL, pgstore.Options{}).Append(t.Context(), added(order42, 1))
	require.NoError(t, err)
	for _, role := range []string{roles.Writer, roles.Consumer, roles.Reader} {
		pool := newPool(t, as(t, databaseURL, role))
		for _, statement := range []string{
			"UPDATE pasttense.events SET type = 'x'",
			"DELETE FROM pasttense.events",
			"TRUNCATE pasttense.events",
			"DROP TABLE pasttense.events",
			"ALTER TABLE pasttense.events DISABLE TRIGGER ALL",
			"SELECT setval('pasttense.events_position', 1)",
			"CREATE TABLE pasttense.mine ()",
		} {
			_, err := pool.Exec(t.Context(), statement)
			requireDenied(t, err, statement)
		}
	}
	// The one function that deletes rows deletes none that is an event.
	_, err = newPool(t, as(t, databaseURL, roles.Writer)).Exec(t.Context(), "SELECT pasttense.release_reservations('{1}')")
	require.NoError(t, err)
	require.Len(t, stream(t, open(t, databaseURL, pgstore.Options{}), order42), 1)
}

// The function that deletes reservations runs with its owner's rights. A table of the caller's making must not take the
// place of the events there, for its triggers would have these rights too.
func TestReleasingReservationsCannotBeHijacked(t *testing.T) {
	t.Parallel()
	databaseURL := migrated.Database(t)
	config, err := pgxpool.ParseConfig(as(t, databaseURL, setUpRoles(t, databaseURL).Writer))
	require.NoError(t, err)
	conn, err := pgx.ConnectConfig(t.Context(), config.ConnConfig)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	_, err = conn.Exec(t.Context(), `
		CREATE TEMP TABLE events (position bigint);
		GRANT ALL ON events TO public;
		CREATE FUNCTION pg_temp.hijack() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			RAISE 'running as %', current_user;
		END $$;
		CREATE TRIGGER hijack BEFORE DELETE ON events FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.hijack();
		SELECT pasttense.release_reservations('{-1}')`)
	require.NoError(t, err)
}

func TestWriterAppendsAndConsumes(t *testing.T) {
	t.Parallel()
	databaseURL := migrated.Database(t)
	roles := setUpRoles(t, databaseURL)
	writerURL := as(t, databaseURL, roles.Writer)
	writer := open(t, writerURL, pgstore.Options{})

	other := eventstore.StreamID{Category: "order", Key: "other"}
	_, err := writer.Append(t.Context(), added(order42, 1), eventstore.Write{Stream: other, Expected: eventstore.NoStream})
	require.NoError(t, err)
	require.Len(t, collect(t, writer.ReadAll(t.Context(), 0, eventstore.Filter{})), 1)
	useConsumer(t, pgstore.NewTarget(newPool(t, writerURL), nil))
}

func TestConsumerReadsAndKeepsCheckpointsAndDoesNotAppend(t *testing.T) {
	t.Parallel()
	databaseURL := migrated.Database(t)
	consumerURL := as(t, databaseURL, setUpRoles(t, databaseURL).Consumer)
	consumer := open(t, consumerURL, pgstore.Options{})

	require.Empty(t, collect(t, consumer.ReadAll(t.Context(), 0, eventstore.Filter{})))
	useConsumer(t, pgstore.NewTarget(newPool(t, consumerURL), nil))
	_, err := consumer.Append(t.Context(), added(order42, 1))
	requireDenied(t, err, "append")
}

func TestReaderOnlyReads(t *testing.T) {
	t.Parallel()
	databaseURL := migrated.Database(t)
	readerURL := as(t, databaseURL, setUpRoles(t, databaseURL).Reader)
	reader := open(t, readerURL, pgstore.Options{})

	require.Empty(t, collect(t, reader.ReadAll(t.Context(), 0, eventstore.Filter{})))
	_, err := reader.InFlightAppends(t.Context())
	require.NoError(t, err)
	_, err = reader.Append(t.Context(), added(order42, 1))
	requireDenied(t, err, "append")

	// What keeps consumers it sees, and leaves as it is.
	consumers(t, pgstore.NewTarget(newPool(t, databaseURL), nil)).define(sales, 2)
	target := pgstore.NewTarget(newPool(t, readerURL), nil)
	require.Len(t, consumers(t, target).checkpoints(sales), 2)
	require.Len(t, status(t, newPool(t, readerURL)), 2)
	_, err = target.Parked(t.Context(), sales, eventstore.ParkedQuery{})
	require.NoError(t, err)
	requireDenied(t, target.Resume(t.Context(), sales), "resume")
	requireDenied(t, target.Coordinate(t.Context(), sales, func(*eventstore.Roster) {}), "coordinate")
	requireDenied(t, target.Forget(t.Context(), sales), "forget")
	_, err = target.Halt(t.Context(), time.Hour, sales)
	requireDenied(t, err, "halt")
}
