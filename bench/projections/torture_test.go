package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

// TestMain lets the test binary be the child processes of the program that it tests.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		childMain()
		return
	}
	pgtest.Main(m)
}

// TestTorture is a short run of the program with everything in it.
//
//nolint:paralleltest // it loads the machine
func TestTorture(t *testing.T) {
	var out, progress bytes.Buffer
	err := run(t.Context(), []string{
		"-seconds", "5", "-events", "3000", "-partitions", "4", "-lease", "400ms", "-server", serverToUse(t),
	}, &out, &progress)
	require.NoError(t, err, "%s%s", &out, &progress)
	assert.Contains(t, out.String(), "retried until the stream was level")
	assert.Contains(t, out.String(), "repartitions ")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Equal(t, "missed 0, doubled 0, reordered 0", lines[len(lines)-1])
}

//nolint:paralleltest // it loads the machine
func TestTortureLeavesNothingWhenItIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := flags{
		seconds: 600, processes: 2, partitions: 2, events: 1000, lease: 200 * time.Millisecond, seed: 1, serverURL: serverToUse(t),
	}
	torture, err := newTorture(ctx, f, writerFunc(func(line []byte) {
		if bytes.Contains(line, []byte("taken over")) {
			cancel()
		}
	}))
	require.NoError(t, err)

	require.ErrorIs(t, torture.run(ctx), context.Canceled)
	require.NoError(t, torture.close())

	for _, child := range torture.fleet.children {
		assert.NotNil(t, child.command.ProcessState, "it has ended")
	}
	_, err = pgx.Connect(t.Context(), torture.url)
	require.Error(t, err, "its server is gone, or its database")
	if local := torture.server.Local(); local != nil {
		assert.NoDirExists(t, local.Directory())
	}
}

// TestVerifyFindsWhatIsWrong breaks a read model in every way that is looked for.
func TestVerifyFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	torture, err := newTorture(t.Context(), flags{events: 500, seed: 1, serverURL: pgtest.Database(t)}, new(bytes.Buffer))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, torture.close()) })
	exec := func(statement string) {
		_, err := torture.main.pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	exec(`INSERT INTO pasttense.checkpoints (consumer, version, partition, handled)
		SELECT 'counters', 1, 0, count(*) FROM pasttense.events`)
	exec(`INSERT INTO epochs (partition, epoch, owner) VALUES (0, 1, 'host/1/A')`)
	exec(`INSERT INTO applied (position, stream, version, process, partition, epoch)
		SELECT position, stream_key, version, '1', 0, 1 FROM pasttense.events ORDER BY position`)
	exec(`INSERT INTO counters SELECT stream_key, count(*) FROM pasttense.events GROUP BY stream_key`)
	verified := func() *findings {
		var found findings
		_, err := verify(t.Context(), torture.main, torture.writer, &found)
		require.NoError(t, err)
		return &found
	}
	require.Empty(t, verified().details())

	exec(`INSERT INTO epochs (partition, epoch, owner) VALUES (0, 2, 'host/2/B')`)
	require.Empty(t, verified().details(), "the first owner had done its work before")
	exec(`INSERT INTO applied SELECT position, stream, version, '2', 0, 2 FROM applied LIMIT 1`)
	found := verified()
	assert.Equal(t, 1, found.doubled.count)
	assert.Equal(t, 1, found.other.count, "more applied than handled")
	assert.Zero(t, found.missed.count+found.reordered.count)
	exec(`UPDATE applied SET process = '1', epoch = 1 WHERE serial = (SELECT max(serial) FROM applied)`)
	assert.Equal(t, 2, verified().other.count, "applied when the epoch had ended, too")
	exec(`DELETE FROM applied WHERE serial = (SELECT max(serial) FROM applied)`)
	require.Empty(t, verified().details())

	const busiest = ` WHERE stream = (SELECT stream FROM counters ORDER BY n DESC LIMIT 1)`
	exec(`UPDATE counters SET n = n + 1` + busiest)
	assert.Equal(t, 1, verified().other.count)
	exec(`UPDATE applied SET serial = -version` + busiest)
	assert.Positive(t, verified().reordered.count)
	exec(`DELETE FROM applied WHERE serial = (SELECT max(serial) FROM applied)`)
	assert.Equal(t, 1, verified().missed.count)
}

func TestParseFlagsRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-seconds", "0"}, {"-processes", "1"}, {"-partitions", "0"}, {"-events", "0"}, {"-lease", "1ms"}, {"more"}, {"-nonsense"},
	} {
		_, err := parseFlags(args, new(bytes.Buffer))
		assert.Error(t, err, args)
	}
	f, err := parseFlags(nil, new(bytes.Buffer))
	require.NoError(t, err)
	assert.NotZero(t, f.seed)
	assert.Equal(t, 2*time.Second, f.lease)
}

type writerFunc func(line []byte)

func (f writerFunc) Write(line []byte) (int, error) {
	f(line)
	return len(line), nil
}

// serverToUse returns "" where the program can start a server, and otherwise the URL of the one that is there for tests.
func serverToUse(t *testing.T) string {
	t.Helper()
	if _, err := pgserver.Find(); err == nil && !testing.Short() {
		return ""
	}
	return pgtest.Database(t)
}
