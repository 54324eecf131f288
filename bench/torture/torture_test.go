package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/bench/internal/child"
	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/trialtest"
	"github.com/pasttense/pasttense/internal/pgtest"
)

// TestMain lets the test binary be the child process of the program that it tests.
func TestMain(m *testing.M) {
	if child.Main("torture", runChild) {
		return
	}
	pgtest.Main(m)
}

// TestTorture is a short run of the program with everything in it, one kill of the server at least included where there is
// one that may be killed.
//
//nolint:paralleltest // it loads the machine
func TestTorture(t *testing.T) {
	server := trialtest.Server(t)

	out := tortured(t, "-seconds", "3", "-kill-every", "1200ms", "-server", server)

	if server == "" {
		assert.Contains(t, out, "from kill -9 to an append acknowledged")
		assert.Equal(t, "missed 0, doubled 0, reordered 0, lost 0", trialtest.LastLine(out))
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
	assert.Equal(t, "missed 0, doubled 0, reordered 0, lost 0; the server was not killed, as it was given", trialtest.LastLine(out))
}

//nolint:paralleltest // it loads the machine
func TestTortureLeavesNothingWhenItIsInterrupted(t *testing.T) {
	server := trialtest.Server(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	torture, err := newTorture(ctx, flags{
		Flags:   trial.Flags{Seconds: 600, Seed: 1, ServerURL: server},
		writers: 4, killEvery: time.Hour,
	},
		trialtest.WriterFunc(func(line []byte) {
			if bytes.Contains(line, []byte("writers")) {
				cancel()
			}
		}))
	require.NoError(t, err)

	require.ErrorIs(t, torture.Run(ctx), context.Canceled)
	require.NoError(t, torture.Close())

	assert.NoDirExists(t, torture.directory)
	trialtest.RequireGone(t, torture.server, torture.url)
	assert.NoError(t, torture.children.child.process.Err(), "it has ended by itself")
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
	assert.NotZero(t, f.Seed)
	assert.Equal(t, 17*time.Second, f.killEvery)
}

// tortured runs the program, which must find nothing wrong, and returns its output.
func tortured(t *testing.T, args ...string) string {
	t.Helper()
	var out, progress bytes.Buffer
	err := run(t.Context(), append(args, "-writers", "8"), &out, &progress)
	require.NoError(t, err, "%s%s", &out, &progress)
	return out.String()
}
