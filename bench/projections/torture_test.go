package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/bench/internal/child"
	"github.com/pasttense/pasttense/bench/internal/findings"
	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/trialtest"
	"github.com/pasttense/pasttense/bench/internal/trouble"
	"github.com/pasttense/pasttense/internal/pgtest"
)

// TestMain lets the test binary be the child processes of the program that it tests.
func TestMain(m *testing.M) {
	if child.Main("projections", runChild) {
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
		"-seconds", "5", "-events", "3000", "-partitions", "4", "-lease", "400ms", "-server", trialtest.Server(t),
	}, &out, &progress)
	require.NoError(t, err, "%s%s", &out, &progress)
	assert.Contains(t, out.String(), "retried until the stream was level")
	assert.Contains(t, out.String(), "repartitions ")
	assert.Equal(t, "missed 0, doubled 0, reordered 0", trialtest.LastLine(out.String()))
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
		events: 1000,
	}
	torture, err := newTorture(ctx, f, trialtest.WriterFunc(func(line []byte) {
		if bytes.Contains(line, []byte("taken over")) {
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

// TestVerifyFindsWhatIsWrong breaks a read model in every way that is looked for.
func TestVerifyFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	torture, err := newTorture(t.Context(), flags{
		Flags: trouble.Flags{Flags: trial.Flags{Seed: 1, ServerURL: pgtest.Database(t)}}, events: 500,
	}, new(bytes.Buffer))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, torture.Close()) })
	exec := func(statement string) {
		_, err := torture.main.Pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	exec(`INSERT INTO pasttense.checkpoints (consumer, version, partition, handled)
		SELECT 'counters', 1, 0, count(*) FROM pasttense.events`)
	exec(`INSERT INTO epochs (partition, epoch, owner) VALUES (0, 1, 'host/1/A')`)
	exec(`INSERT INTO applied (position, stream, version, process, partition, epoch)
		SELECT position, stream_key, version, '1', 0, 1 FROM pasttense.events ORDER BY position`)
	exec(`INSERT INTO counters SELECT stream_key, count(*) FROM pasttense.events GROUP BY stream_key`)
	verified := func() *findings.Findings {
		found := newFindings()
		_, err := verify(t.Context(), torture.main, torture.writer, found)
		require.NoError(t, err)
		return found
	}
	require.Empty(t, verified().Details())

	exec(`INSERT INTO epochs (partition, epoch, owner) VALUES (0, 2, 'host/2/B')`)
	require.Empty(t, verified().Details(), "the first owner had done its work before")
	exec(`INSERT INTO applied SELECT position, stream, version, '2', 0, 2 FROM applied LIMIT 1`)
	found := verified()
	assert.Equal(t, 1, found.Count(doubled))
	assert.Equal(t, 1, found.Count(findings.Other), "more applied than handled")
	assert.Zero(t, found.Count(missed)+found.Count(reordered))
	exec(`UPDATE applied SET process = '1', epoch = 1 WHERE serial = (SELECT max(serial) FROM applied)`)
	assert.Equal(t, 2, verified().Count(findings.Other), "applied when the epoch had ended, too")
	exec(`DELETE FROM applied WHERE serial = (SELECT max(serial) FROM applied)`)
	require.Empty(t, verified().Details())

	const busiest = ` WHERE stream = (SELECT stream FROM counters ORDER BY n DESC LIMIT 1)`
	exec(`UPDATE counters SET n = n + 1` + busiest)
	assert.Equal(t, 1, verified().Count(findings.Other))
	exec(`UPDATE applied SET serial = -version` + busiest)
	assert.Positive(t, verified().Count(reordered))
	exec(`DELETE FROM applied WHERE serial = (SELECT max(serial) FROM applied)`)
	assert.Equal(t, 1, verified().Count(missed))
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
	assert.NotZero(t, f.Seed)
	assert.Equal(t, 2*time.Second, f.Lease)
}
