package throwaway

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestNothingIsLeftOnAGivenServer(t *testing.T) {
	t.Parallel()
	given := pgtest.Database(t)
	server, err := Open(t.Context(), given, nil)
	require.NoError(t, err)
	require.Nil(t, server.Local())
	databases := make([]*pgx.Conn, 2) // connections that are not closed keep nothing from being dropped
	for i, name := range []string{"first", "second"} {
		url, err := server.CreateStore(t.Context(), name)
		require.NoError(t, err)
		databases[i], err = pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = databases[i].Close(t.Context()) })
	}
	assert.Equal(t, 2, made(t, server))

	require.NoError(t, server.DropDatabase(t.Context(), "first"))
	assert.Equal(t, 1, made(t, server))
	require.Error(t, databases[0].Ping(t.Context()))
	require.NoError(t, databases[1].Ping(t.Context()))

	require.NoError(t, server.Close())
	assert.Zero(t, made(t, server))
	require.NoError(t, server.Execute(t.Context(), "SELECT"), "the given database is untouched")
}

func TestProgramsDoNotMeetOnAGivenServer(t *testing.T) {
	t.Parallel()
	given := pgtest.Database(t)
	for range 2 {
		server, err := Use(t.Context(), given)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, server.Close()) })
		_, err = server.CreateDatabase(t.Context(), "same")
		require.NoError(t, err)
	}
}

func TestUseRefusesWhatIsNoURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"host=localhost dbname=postgres", "postgres://%zz", "mysql://localhost"} {
		_, err := Use(t.Context(), url)
		assert.Error(t, err, url)
	}
}

func TestURLsKeepWhatIsNotChanged(t *testing.T) {
	t.Parallel()
	const server = "postgres://me:secret@host:5433/postgres?sslmode=disable"
	assert.Equal(t, "postgres://me:secret@host:5433/other?sslmode=disable", withDatabase(server, "other"))
	assert.Equal(t, "postgres://me:secret@host:5433/postgres?pool_max_conns=2&sslmode=disable", WithPool(server, 2))
	assert.Equal(t, "postgres://me:secret@127.0.0.1:1/postgres?sslmode=disable", WithAddress(server, "127.0.0.1:1"))
	assert.Equal(t, "postgres://127.0.0.1:1/other",
		WithAddress(withDatabase("postgres:///?host=/tmp&port=5433&dbname=postgres", "other"), "127.0.0.1:1"))
	assert.Equal(t, "postgres://host/a?sslmode=require", WithParameter("postgres://host/a", "sslmode", "require"))
}

// made counts the databases that a server has of this program's.
func made(t *testing.T, server *Server) (count int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	const query = `SELECT count(*) FROM pg_database WHERE starts_with(datname, $1)`
	require.NoError(t, conn.QueryRow(t.Context(), query, server.prefix).Scan(&count))
	require.NoError(t, conn.Close(t.Context()))
	return count
}
