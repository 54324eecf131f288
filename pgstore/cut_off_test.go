package pgstore_test

import (
	"context"
	"iter"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

// answerTimeout is short, and yet longer than any statement of these tests takes.
const answerTimeout = 500 * time.Millisecond

// S7, S9, S10: connections are cut off without a word in the middle of appends, one in each lane. These appends get their
// true outcome all the same, and are there once; others wait for them no longer than for an answer.
func TestAppendsOutliveConnectionsThatAreCutOff(t *testing.T) {
	t.Parallel()
	for _, cut := range []struct {
		name    string
		forward bool
	}{
		{"before the database gets them", false},
		{"after the database has got them", true},
	} {
		for _, way := range []struct {
			name    string
			prepare func(*proxy)
		}{
			{"direct", (*proxy).expose},
			{"behind a pooler", (*proxy).hideBackends},
		} {
			t.Run(cut.name+", "+way.name, func(t *testing.T) {
				t.Parallel()
				testCutOffAppends(t, cut.forward, way.prepare)
			})
		}
	}
}

func testCutOffAppends(t *testing.T, forward bool, prepare func(*proxy)) {
	t.Helper()
	url := migrated.Database(t)
	proxy, proxied := newProxy(t, url)
	prepare(proxy)
	store := open(t, proxied+"&pool_max_conns=2", pgstore.Options{
		AnswerTimeout: answerTimeout, IdleTransactionTimeout: time.Second,
	})
	numbered := func(n int) eventstore.StreamID {
		return eventstore.StreamID{Category: "order", Key: strconv.Itoa(n)}
	}
	var running sync.WaitGroup
	appendTo := func(id eventstore.StreamID) {
		running.Go(func() {
			result, err := store.Append(t.Context(), added(id, 1))
			if assert.NoError(t, err) {
				assert.Positive(t, result.Position)
			}
		})
	}
	const lanes, others = 2, 10
	begun := time.Now()
	for lane := range lanes {
		swallowed := make(chan struct{})
		proxy.atNextAppend(func(client, _ net.Conn, _ []byte) bool {
			proxy.cutClient(client)
			close(swallowed)
			return forward
		})
		appendTo(numbered(lane))
		<-swallowed
	}
	for n := range others {
		appendTo(numbered(n)) // two of them to streams that are in doubt
	}
	running.Wait()
	assert.Less(t, time.Since(begun), 10*time.Second, "pgx holds on to a dead connection for longer")
	reader := open(t, url, pgstore.Options{})
	for n := range others {
		want := 1
		if n < lanes {
			want = 2
		}
		assert.Len(t, stream(t, reader, numbered(n)), want, "stream %d", n)
	}
}

// S7: what takes longer than the database has for its answer is not given up for ever.
func TestASlowAppendGetsThrough(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	_, err := newPool(t, url).Exec(t.Context(), `
		CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END';
		CREATE TRIGGER dawdle BEFORE INSERT ON pasttense.events EXECUTE FUNCTION dawdle()`)
	require.NoError(t, err)
	store := open(t, url, pgstore.Options{AnswerTimeout: 100 * time.Millisecond})
	result, err := store.Append(t.Context(), added(order42, 2))
	require.NoError(t, err)
	events := stream(t, store, order42)
	require.Len(t, events, 2)
	require.Equal(t, events[1].Position, result.Position)
}

// S9: a wait for somebody's open transaction is no silence.
func TestAWaitingAppendIsNotCutOff(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{AnswerTimeout: 50 * time.Millisecond}), newPool(t, url)
	release := occupy(t, pool, order42)
	appended := make(chan error, 1)
	go func() {
		_, err := store.Append(t.Context(), added(order42, 1))
		appended <- err
	}()
	select {
	case err := <-appended:
		require.Fail(t, "it did not wait", "%v", err)
	case <-time.After(2 * time.Second): // many times what the database has for its answer
	}
	release()
	require.NoError(t, <-appended)
	require.Len(t, stream(t, store, order42), 1)
}

// Reads, subscriptions and notifications go on by new connections when the old ones are cut off.
func TestReadersOutliveConnectionsThatAreCutOff(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	proxy, proxied := newProxy(t, url)
	store := open(t, proxied+"&pool_ping_timeout=200ms", pgstore.Options{AnswerTimeout: answerTimeout})
	other := open(t, url, pgstore.Options{})
	next, stop := iter.Pull2(store.Subscribe(t.Context(), 0, eventstore.Filter{}))
	defer stop()
	awaitNext := func(position eventstore.Position) {
		for through := eventstore.Position(0); through < position; {
			batch, err, _ := next()
			require.NoError(t, err)
			through = batch.Through
		}
	}
	_, err, _ := next() // subscribed
	require.NoError(t, err)
	awaitListeners(t, newPool(t, url), 2)
	for range 3 {
		_, err := store.Head(t.Context()) // so that a connection is taken without being tried first
		require.NoError(t, err)
		proxy.cut()
		result, err := other.Append(t.Context(), added(order42, 1))
		require.NoError(t, err)
		awaitNext(result.Position)
		proxy.cut()
		head, err := store.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, result.Position, head)
		proxy.cut()
		require.NotEmpty(t, stream(t, store, order42))
	}
}

// A caller's context ends its wait for an answer at once.
func TestAppendsThatAreCutOffEndWithTheirContext(t *testing.T) {
	t.Parallel()
	proxy, proxied := newProxy(t, migrated.Database(t))
	store := open(t, proxied, pgstore.Options{AnswerTimeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	proxy.atNextAppend(func(client, _ net.Conn, _ []byte) bool {
		proxy.cutClient(client)
		cancel()
		return false
	})
	begun := time.Now()
	_, err := store.Append(ctx, added(order42, 1))
	require.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	_, err = store.Append(t.Context(), added(order42, 1))
	require.NoError(t, err)
	assert.Less(t, time.Since(begun), 10*time.Second)
}

// With synchronous replication an append is not acknowledged before a standby has it, also when its connection was given up
// meanwhile, upon which Postgres lets its commit be seen.
func TestAnAppendWithoutItsStandbyIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t)
	require.NoError(t, pgstore.Migrate(t.Context(), server.URL(), &pgstore.MigrateOptions{Logger: silent}))
	pool := newPool(t, server.URL())
	setStandbys := func(names string) {
		for _, statement := range []string{
			"SET synchronous_commit = local", "ALTER SYSTEM SET synchronous_standby_names = '" + names + "'",
			"SELECT pg_reload_conf()",
		} {
			_, err := pool.Exec(t.Context(), statement)
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool {
			var current string
			err := pool.QueryRow(t.Context(), "SELECT current_setting('synchronous_standby_names')").Scan(&current)
			return err == nil && current == names
		}, time.Minute, 10*time.Millisecond)
	}
	store := open(t, server.URL(), pgstore.Options{AnswerTimeout: 100 * time.Millisecond})
	setStandbys("nobody")
	appended := make(chan error, 1)
	go func() {
		_, err := store.Append(t.Context(), added(order42, 1))
		appended <- err
	}()
	require.Eventually(t, func() bool {
		head, err := store.Head(t.Context())
		return err == nil && head > 0
	}, time.Minute, 10*time.Millisecond, "its commit is not seen")
	select {
	case err := <-appended:
		require.Fail(t, "it was acknowledged", "%v", err)
	case <-time.After(time.Second):
	}
	setStandbys("")
	require.NoError(t, <-appended)
	require.Len(t, stream(t, store, order42), 1)
}
