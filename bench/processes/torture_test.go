package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/bench/internal/child"
	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/trialtest"
	"github.com/pasttense/pasttense/bench/internal/trouble"
	"github.com/pasttense/pasttense/internal/pgtest"
)

// TestMain lets the test binary be the child processes of the program that it tests.
func TestMain(m *testing.M) {
	if child.Main("processes", runChild) {
		return
	}
	pgtest.Main(m)
}

// TestTorture is a short run of the program with everything in it.
//
//nolint:paralleltest // it loads the machine
func TestTorture(t *testing.T) {
	var out, progress bytes.Buffer
	err := run(t.Context(), []string{"-seconds", "5", "-orders", "60", "-lease", "600ms", "-server", trialtest.Server(t)},
		&out, &progress)
	require.NoError(t, err, "%s%s", &out, &progress)
	assert.Equal(t, "lost 0, doubled 0, reordered 0", trialtest.LastLine(out.String()))
}

// TestTortureFindsADispatchWithoutKeys runs a program whose mails have another idempotency key each time.
//
//nolint:paralleltest // it loads the machine
func TestTortureFindsADispatchWithoutKeys(t *testing.T) {
	var out, progress bytes.Buffer
	err := carry(t.Context(), flags{
		Flags: trouble.Flags{
			Flags:     trial.Flags{Seconds: 3, Seed: 1, ServerURL: trialtest.Server(t)},
			Processes: 2, Partitions: 2, Lease: 600 * time.Millisecond,
		},
		orders: 30, careless: true,
	}, &out, &progress)
	require.ErrorContains(t, err, "broken its guarantees", "%s%s", &out, &progress)
	assert.Contains(t, progress.String(), "doubled: order")
	assert.NotContains(t, trialtest.LastLine(out.String()), "doubled 0")
}

//nolint:paralleltest // it loads the machine
func TestTortureLeavesNothingWhenItIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := flags{
		Flags: trouble.Flags{
			Flags:     trial.Flags{Seconds: 600, Seed: 1, ServerURL: trialtest.Server(t)},
			Processes: 2, Partitions: 2, Lease: 200 * time.Millisecond,
		},
		orders: 1000,
	}
	torture, err := newTorture(ctx, f, trialtest.WriterFunc(func(line []byte) {
		if bytes.Contains(line, []byte("process ")) {
			cancel()
		}
	}))
	require.NoError(t, err)

	require.ErrorIs(t, torture.Run(ctx), context.Canceled)
	require.NoError(t, torture.Close())

	for _, process := range torture.fleet.Processes {
		assert.NoError(t, process.Err(), "it has ended")
	}
	trialtest.RequireGone(t, torture.server, torture.url)
}

func TestParseFlagsRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-seconds", "0"}, {"-processes", "1"}, {"-partitions", "0"}, {"-orders", "0"}, {"-lease", "1ms"}, {"more"},
	} {
		_, err := parseFlags(args, new(bytes.Buffer))
		assert.Error(t, err, args)
	}
	f, err := parseFlags(nil, new(bytes.Buffer))
	require.NoError(t, err)
	assert.NotZero(t, f.Seed)
	assert.Equal(t, time.Second, f.Lease)
}
