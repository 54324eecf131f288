package pgstore_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// listeners are the backends that listen for a store's notifications: they do nothing else.
const listeners = `
	SELECT count(*) FROM pg_stat_activity
	WHERE datname = current_database() AND query = 'SET idle_session_timeout = 0' AND wait_event = 'ClientRead'`

func awaitListeners(t *testing.T, pool *pgxpool.Pool, want int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var count int
		return pool.QueryRow(t.Context(), listeners).Scan(&count) == nil && count == want
	}, time.Minute, 5*time.Millisecond)
}

// S8: the connection that listens may be lost. Neither what is appended meanwhile nor what comes after waits for a poll.
func TestListenerComesBack(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	appending := open(t, url, pgstore.Options{NoListen: true})
	crowd := &crowd{store: open(t, url, pgstore.Options{})}
	pool := newPool(t, url)
	ctx, stop := context.WithCancel(t.Context())
	defer crowd.running.Wait()
	defer stop()
	crowd.join(ctx, &subscriber{}).awaitCaughtUp(t)
	for range 5 {
		awaitListeners(t, pool, 1)
		var terminated bool
		const terminate = `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
			WHERE datname = current_database() AND query = 'SET idle_session_timeout = 0'`
		require.NoError(t, pool.QueryRow(t.Context(), terminate).Scan(&terminated))
		require.True(t, terminated)
		crowd.await(t, appendOne(t, appending)) // while nobody listens, or soon after
		awaitListeners(t, pool, 1)
		crowd.await(t, appendOne(t, appending))
	}
	crowd.requireAll(t)
}

// announcements keeps when a store notified other processes.
type announcements struct {
	looks
	mu    sync.Mutex
	times []time.Time
}

func (a *announcements) TraceQueryStart(
	ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData,
) context.Context {
	if strings.Contains(data.SQL, "pg_notify") {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.times = append(a.times, time.Now())
	}
	return ctx
}

// However many appends there are, other processes are notified every few milliseconds at most.
func TestNotificationsAreFew(t *testing.T) {
	t.Parallel()
	announced := &announcements{}
	store, err := pgstore.OpenTraced(t.Context(), migrated.Database(t), &pgstore.Options{Logger: silent}, announced)
	require.NoError(t, err)
	defer closeStore(t, store)
	var appending sync.WaitGroup
	for n := range 4 {
		appending.Go(func() {
			for range 100 {
				_, err := store.Append(t.Context(), added(eventstore.StreamID{Category: "order", Key: fmt.Sprint(n)}, 1))
				assert.NoError(t, err)
			}
		})
	}
	appending.Wait()
	announced.mu.Lock()
	defer announced.mu.Unlock()
	t.Logf("%d notifications of 400 appends", len(announced.times))
	require.Greater(t, len(announced.times), 1)
	for i, at := range announced.times[1:] {
		require.GreaterOrEqual(t, at.Sub(announced.times[i]), 5*time.Millisecond)
	}
}

// A store does not look again because of its own notifications: its subscriptions were told already.
func TestOwnNotificationsWakeNobody(t *testing.T) {
	t.Parallel()
	store, looks := openCounted(t)
	crowd := &crowd{store: store}
	ctx, stop := context.WithCancel(t.Context())
	defer crowd.running.Wait()
	defer stop()
	crowd.join(ctx, &subscriber{}).awaitCaughtUp(t)
	const appends = 50
	for range appends {
		crowd.await(t, appendOne(t, store))
		<-time.After(10 * time.Millisecond) // longer than a notification takes; one that comes late is not counted
	}
	assert.LessOrEqual(t, looks.Load(), int64(1.3*appends))
}
