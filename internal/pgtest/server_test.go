package pgtest_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

func TestCrashKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t)
	bystander := connect(t, server.URL())
	writeNote(t, bystander)

	require.NoError(t, server.Crash(t.Context()))
	require.Error(t, bystander.Ping(t.Context()), "every session is gone, not only the one that was killed")
	after := connect(t, server.URL())
	assert.Equal(t, "1", scalar(t, after, "SELECT count(*)::text FROM notes"))

	require.NoError(t, server.Crash(t.Context()))
	require.Error(t, after.Ping(t.Context()))
}

func TestStopRefusesConnectionsUntilStart(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t)
	if os.Getenv(pgserver.CrashURLEnv) != "" {
		require.ErrorContains(t, server.Stop(t.Context()), pgserver.CrashURLEnv)
		return
	}
	writeNote(t, connect(t, server.URL()))

	require.NoError(t, server.Stop(t.Context()))
	_, err := pgx.Connect(t.Context(), server.URL())
	require.Error(t, err)

	require.NoError(t, server.Start(t.Context()))
	assert.Equal(t, "1", scalar(t, connect(t, server.URL()), "SELECT count(*)::text FROM notes"))
}

func TestServerIsDurable(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.StartServer(t).URL())
	assert.Equal(t, "on", scalar(t, conn, "SHOW fsync"))
}

func writeNote(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	_, err := conn.Exec(t.Context(), "CREATE TABLE notes AS SELECT 'kept' AS note")
	require.NoError(t, err)
}
