package pgtest_test

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithCleanup(m)) }

var setups atomic.Int64

var template = pgtest.NewTemplate(func(ctx context.Context, url string) error {
	setups.Add(1)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE notes (note text)"); err != nil {
		return err
	}
	return conn.Close(ctx)
})

func TestDatabasesAreCopiesOfOneTemplateAndSeparate(t *testing.T) {
	t.Parallel()
	for i := range 8 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			conn := connect(t, template.Database(t))
			_, err := conn.Exec(t.Context(), "INSERT INTO notes VALUES ('mine')")
			require.NoError(t, err)
			assert.Equal(t, "1", scalar(t, conn, "SELECT count(*)::text FROM notes"))
			assert.EqualValues(t, 1, setups.Load(), "the setup runs once")
		})
	}
}

//nolint:tparallel // the first test must have ended before the database can be missed
func TestDatabaseIsEmptyAndDroppedAfterTheTest(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("a test", func(t *testing.T) {
		conn := connect(t, pgtest.Database(t))
		name = scalar(t, conn, "SELECT current_database()")
		assert.Equal(t, "0", scalar(t, conn, "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'"))
	})
	after := connect(t, pgtest.Database(t))
	assert.Equal(t, "false", scalar(t, after, "SELECT ('"+name+"' IN (SELECT datname FROM pg_database))::text"))
}

func TestSetDefault(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	pgtest.SetDefault(t, url, "default_transaction_isolation", "repeatable read")
	pgtest.SetDefault(t, url, "synchronous_commit", "off")
	pgtest.SetDefault(t, url, "custom.quoted", "it's")
	conn := connect(t, url)
	assert.Equal(t, "repeatable read", scalar(t, conn, "SHOW transaction_isolation"))
	assert.Equal(t, "off", scalar(t, conn, "SHOW synchronous_commit"))
	assert.Equal(t, "it's", scalar(t, conn, "SHOW custom.quoted"))
}

func TestTerminate(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	first := connect(t, url+"&application_name=first")
	second := connect(t, url+"&application_name=second")
	elsewhere := connect(t, pgtest.Database(t))

	assert.Equal(t, 1, pgtest.Terminate(t, url, "first"))
	require.Error(t, first.Ping(t.Context()))
	require.NoError(t, second.Ping(t.Context()))

	assert.Equal(t, 1, pgtest.Terminate(t, url))
	require.Error(t, second.Ping(t.Context()))
	require.NoError(t, elsewhere.Ping(t.Context()))
	assert.Equal(t, 0, pgtest.Terminate(t, url))
}

// testWithoutPostgresEnv makes TestWithoutPostgres the test that fails in the child process.
const testWithoutPostgresEnv = "PASTTENSE_TEST_WITHOUT_POSTGRES"

func TestWithoutPostgres(t *testing.T) {
	if os.Getenv(testWithoutPostgresEnv) != "" {
		pgtest.Database(t)
		return
	}
	empty := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWithoutPostgres$")
	child.Env = append(os.Environ(), testWithoutPostgresEnv+"=1", pgserver.URLEnv+"=", pgserver.BinEnv+"="+empty)
	out, err := child.CombinedOutput()
	require.Error(t, err, "without Postgres a test fails; it does not skip")
	assert.Contains(t, string(out), empty)
	assert.NotContains(t, string(out), "SKIP")
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) }) // some tests break it on purpose
	return conn
}

func scalar(t *testing.T, conn *pgx.Conn, query string) string {
	t.Helper()
	var value string
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&value))
	return value
}
