//go:build pgbouncer

package pgstore_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// startPooler starts pgbouncer in front of a database and returns the URL that leads through it. It ends with the test.
func startPooler(t *testing.T, databaseURL, mode string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // where Debian puts it, out of a user's PATH
	}
	config, err := pgx.ParseConfig(databaseURL)
	require.NoError(t, err)
	port := freePort(t)
	file := filepath.Join(t.TempDir(), "pgbouncer.ini")
	require.NoError(t, os.WriteFile(file, poolerConfig(config, port, mode), 0o600))
	command := exec.CommandContext(t.Context(), program, file)
	if os.Getuid() == 0 { // which it refuses to run as
		command.Args = append(command.Args, "-u", "nobody")
	}
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	require.NoError(t, command.Start(), "install pgbouncer: apt-get install pgbouncer")
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Log(output.String())
		}
	})
	pooled := fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable&default_query_exec_mode=exec", config.User, port,
		config.Database)
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(t.Context(), pooled)
		if err != nil {
			return false
		}
		return conn.Close(t.Context()) == nil
	}, 30*time.Second, 20*time.Millisecond)
	return pooled
}

// poolerConfig has fewer backends than the tests have connections, so that they change hands all the time.
func poolerConfig(database *pgx.ConnConfig, port int, mode string) []byte {
	password := ""
	if database.Password != "" {
		password = "password=" + database.Password
	}
	return fmt.Appendf(nil, `[databases]
* = host=%s port=%d user=%s %s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = %s
default_pool_size = 5
server_tls_sslmode = disable
`, database.Host, database.Port, database.User, password, port, mode)
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// with adds a parameter to a URL.
func with(t *testing.T, databaseURL, parameter, value string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	query := u.Query()
	query.Set(parameter, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// Behind a pooler in transaction mode two stores append, read and subscribe. They notice that they cannot listen.
func TestPoolerInTransactionMode(t *testing.T) {
	t.Parallel()
	databaseURL := migrated.Database(t)
	pooled := with(t, startPooler(t, databaseURL, "transaction"), "pool_max_conns", "8")
	journal := newJournal()
	options := pgstore.Options{PollInterval: 20 * time.Millisecond, Logger: slog.New(journal)}
	one := &crowd{store: open(t, pooled, options)}
	other := &crowd{store: open(t, pooled, options)}
	ctx, stop := context.WithCancel(t.Context())
	defer one.running.Wait()
	defer other.running.Wait()
	defer stop()
	for range 10 {
		one.join(ctx, &subscriber{})
		other.join(ctx, &subscriber{})
	}
	pool := newPool(t, with(t, pooled, "pool_max_conns", "2"))
	var appending sync.WaitGroup
	for n := range 6 {
		store := []*pgstore.Store{one.store, other.store}[n%2]
		appending.Go(func() {
			for range 30 {
				_, err := store.Append(t.Context(), withIDs(added(order42, 2)))
				assert.NoError(t, err)
			}
		})
	}
	for range 20 {
		assert.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			_, err := one.store.AppendTx(t.Context(), tx, added(eventstore.StreamID{Category: "order", Key: "43"}, 1))
			return err
		}))
	}
	appending.Wait()
	one.requireAll(t)
	other.requireAll(t)
	require.Len(t, stream(t, other.store, order42), 6*30*2)

	told := journal.await(t, slog.LevelInfo, 2)
	require.Len(t, told, 2, "each store says once that it polls")
	assert.Contains(t, told[0]["msg"].String(), "pooler in transaction mode")
	assert.Empty(t, journal.at(slog.LevelWarn))
}

// In session mode notifications come through: nobody polls.
func TestPoolerInSessionMode(t *testing.T) {
	t.Parallel()
	pooled := with(t, startPooler(t, migrated.Database(t), "session"), "pool_max_conns", "1")
	journal := newJournal()
	options := pgstore.Options{Logger: slog.New(journal)}
	appending := open(t, pooled, options)
	crowd := &crowd{store: open(t, pooled, options)}
	ctx, stop := context.WithCancel(t.Context())
	defer crowd.running.Wait()
	defer stop()
	crowd.join(ctx, &subscriber{})
	for range 20 {
		crowd.await(t, appendOne(t, appending))
	}
	crowd.requireAll(t)
	assert.Empty(t, journal.records)
}

// A target needs nothing of a session.
func TestConsumersBehindAPooler(t *testing.T) {
	t.Parallel()
	pooled := startPooler(t, migrated.Database(t), "transaction")
	useConsumer(t, pgstore.NewTarget(newPool(t, pooled), nil))
	planAndClaim(t, pooled)
	stormConsumers(t, pooled)
}
