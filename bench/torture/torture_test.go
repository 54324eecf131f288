package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

// TestMain lets the test binary be the child process of the program that it tests.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		childMain()
		return
	}
	os.Exit(m.Run())
}

// TestTorture is a short run of the program with everything in it, one kill of the server at least included.
//
//nolint:paralleltest // it loads the machine
func TestTorture(t *testing.T) {
	needServer(t)
	var out, progress bytes.Buffer

	err := run(t.Context(), []string{"-seconds", "3", "-writers", "8", "-kill-every", "1200ms"}, &out, &progress)

	require.NoError(t, err, "%s%s", &out, &progress)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Equal(t, "missed 0, doubled 0, reordered 0, lost 0", lines[len(lines)-1])
	assert.Contains(t, out.String(), "from kill -9 to an append acknowledged")
}

//nolint:paralleltest // it loads the machine
func TestTortureLeavesNothingWhenItIsInterrupted(t *testing.T) {
	needServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	torture, err := newTorture(ctx, flags{seconds: 600, writers: 4, seed: 1, killEvery: time.Hour},
		writerFunc(func(line []byte) {
			if bytes.Contains(line, []byte("writers")) {
				cancel()
			}
		}))
	require.NoError(t, err)

	require.ErrorIs(t, torture.run(ctx), context.Canceled)
	require.NoError(t, torture.close())

	assert.NoDirExists(t, torture.directory)
	assert.NoDirExists(t, torture.server.Directory())
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

// needServer skips the test where this machine has no Postgres to kill.
func needServer(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Postgres, which -short does without")
	}
	if _, err := pgserver.Find(); errors.Is(err, pgserver.ErrNoBinaries) && os.Getenv(pgserver.URLEnv) != "" {
		t.Skip("the tests run against a Postgres that is not on this machine")
	}
}
