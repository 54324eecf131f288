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

// TestMain lets the test binary be the child process of the program that it tests.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		childMain()
		return
	}
	pgtest.Main(m)
}

// TestTorture is a short run of the program with everything in it, one kill of the server at least included where there is
// one that may be killed.
//
//nolint:paralleltest // it loads the machine
func TestTorture(t *testing.T) {
	server := serverToUse(t)

	out := tortured(t, "-seconds", "3", "-kill-every", "1200ms", "-server", server)

	if server == "" {
		assert.Contains(t, out, "from kill -9 to an append acknowledged")
		assert.Equal(t, "missed 0, doubled 0, reordered 0, lost 0", lastLine(out))
	}
}

//nolint:paralleltest // it loads the machine
func TestTortureSparesAGivenServer(t *testing.T) {
	given := pgtest.Database(t)
	bystanders := make([]*pgx.Conn, 50) // so many that chance does not pass all of them over
	for i := range bystanders {
		var err error
		bystanders[i], err = pgx.Connect(t.Context(), given)
		require.NoError(t, err)
	}

	out := tortured(t, "-seconds", "1", "-kill-every", "1ms", "-server", given)

	for _, bystander := range bystanders {
		require.NoError(t, bystander.Ping(t.Context()))
		require.NoError(t, bystander.Close(t.Context()))
	}
	assert.Contains(t, out, "terminated: ", "its own connections are")
	assert.Regexp(t, "server killed +never, as it was given\n", out)
	assert.Equal(t, "missed 0, doubled 0, reordered 0, lost 0; the server was not killed, as it was given", lastLine(out))
}

//nolint:paralleltest // it loads the machine
func TestTortureLeavesNothingWhenItIsInterrupted(t *testing.T) {
	server := serverToUse(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	torture, err := newTorture(ctx, flags{seconds: 600, writers: 4, seed: 1, killEvery: time.Hour, serverURL: server},
		writerFunc(func(line []byte) {
			if bytes.Contains(line, []byte("writers")) {
				cancel()
			}
		}))
	require.NoError(t, err)

	require.ErrorIs(t, torture.run(ctx), context.Canceled)
	require.NoError(t, torture.close())

	assert.NoDirExists(t, torture.directory)
	_, err = pgx.Connect(t.Context(), torture.url)
	require.Error(t, err, "its server is gone, or its database")
	if local := torture.server.Local(); local != nil {
		assert.NoDirExists(t, local.Directory())
	}
	assert.True(t, torture.children.child.process.ProcessState.Exited())
}

func TestParseFlagsRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-seconds", "0"}, {"-writers", "0"}, {"-kill-every", "0s"}, {"more"}, {"-nonsense"},
	} {
		_, err := parseFlags(args, new(bytes.Buffer))
		assert.Error(t, err, args)
	}
	f, err := parseFlags(nil, new(bytes.Buffer))
	require.NoError(t, err)
	assert.NotZero(t, f.seed)
	assert.Equal(t, 17*time.Second, f.killEvery)
}

type writerFunc func(line []byte)

func (f writerFunc) Write(line []byte) (int, error) {
	f(line)
	return len(line), nil
}

// serverToUse returns "" where the program can start a server, which it may kill, and otherwise the URL of the one that is
// there for tests.
func serverToUse(t *testing.T) string {
	t.Helper()
	if _, err := pgserver.Find(); err == nil && !testing.Short() {
		return ""
	}
	return pgtest.Database(t)
}

// tortured runs the program, which must find nothing wrong, and returns its output.
func tortured(t *testing.T, args ...string) string {
	t.Helper()
	var out, progress bytes.Buffer
	err := run(t.Context(), append(args, "-writers", "8"), &out, &progress)
	require.NoError(t, err, "%s%s", &out, &progress)
	return out.String()
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}
