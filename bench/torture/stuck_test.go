package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

func TestWatchLooksWhenPatienceIsAboutToEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		look := func() string { return time.Since(begun).String() }

		inTime := watch(wait.Patience, look)
		tooLate := watch(wait.Patience, look)
		time.Sleep(wait.Patience - lastMoment - 1)
		assert.Empty(t, inTime())
		time.Sleep(lastMoment)
		assert.Equal(t, "59s", tooLate())
	})
}

// A transaction that stands open has written to the stream of an append, and holds a lock that another backend waits for.
func TestSuspectsAreWhatAnAppendWaitsFor(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	require.NoError(t, throwaway.MigrateStore(t.Context(), url))
	store, err := pgstore.Open(t.Context(), url, nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close(context.WithoutCancel(t.Context()))) })
	blocker, waiter := connectTo(t, url), connectTo(t, url)
	tx, err := blocker.Begin(t.Context())
	require.NoError(t, err)
	write := eventstore.Write{Stream: newStream(0, 1).id(), Events: []eventstore.EventData{newTag(0, 1, 0).event()}}
	_, err = store.AppendTx(t.Context(), tx, write)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT pg_advisory_xact_lock(1, 2)")
	require.NoError(t, err)
	ended := make(chan error, 2)
	go func() {
		_, err := waiter.Exec(t.Context(), "SELECT pg_advisory_xact_lock(1, 2)")
		ended <- err
	}()
	go func() {
		_, err := store.Append(t.Context(), write)
		ended <- err
	}()

	blocked := fmt.Sprintf("waits for Lock advisory, is blocked by {%d}: SELECT pg_advisory_xact_lock(1, 2)",
		blocker.PgConn().PID())
	var told string
	require.Eventually(t, func() bool {
		told = suspects(url)
		return strings.Contains(told, blocked) && strings.Contains(told, "pgstore.(*Store).Append(")
	}, 10*time.Second, time.Millisecond)

	assert.Regexp(t, fmt.Sprintf("backend %d, .* is idle in transaction since ", blocker.PgConn().PID()), told)
	assert.Contains(t, told, fmt.Sprintf("advisory lock 1 2, ExclusiveLock, held by backend %d", blocker.PgConn().PID()))
	assert.Contains(t, told, fmt.Sprintf("advisory lock 1 2, ExclusiveLock, awaited by backend %d", waiter.PgConn().PID()))
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
}

func connectTo(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })
	return conn
}
