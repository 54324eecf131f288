package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/eventstore/eventstoretest"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

// inlineStore appends with work, which is none.
type inlineStore struct{ *pgstore.Store }

func (s inlineStore) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	return s.AppendWith(ctx, func(context.Context, pgx.Tx, []eventstore.RecordedEvent) error { return nil }, writes...)
}

// tally keeps a read model whose rows have the versions of the streams.
func tally(ctx context.Context, tx pgx.Tx, events []eventstore.RecordedEvent) error {
	for _, event := range events {
		var count eventstore.Version
		err := tx.QueryRow(ctx, `INSERT INTO tallies AS t VALUES ($1, 1)
			ON CONFLICT (stream) DO UPDATE SET events = t.events + 1 RETURNING events`, event.Stream.String()).Scan(&count)
		if err != nil {
			return err
		}
		if count != event.Version {
			return fmt.Errorf("event %d of %q was counted as the %dth", event.Version, event.Stream, count)
		}
	}
	return nil
}

// An append with work has all the guarantees of one without.
func TestConformanceOfAppendWith(t *testing.T) {
	t.Parallel()
	eventstoretest.Run(t, func(t *testing.T) eventstoretest.Harness {
		t.Helper()
		url := migrated.Database(t)
		pgtest.SetDefault(t, url, "default_transaction_isolation", "repeatable read")
		harness := newHarness(t, url, pgstore.DefaultSchema, pgx.ReadCommitted)
		harness.Parallel = true
		harness.Store = inlineStore{harness.Store.(*pgstore.Store)}
		open := harness.Open
		harness.Open = func(ctx context.Context) (eventstore.Store, error) {
			store, err := open(ctx)
			if err != nil {
				return nil, err
			}
			return inlineStore{store.(*pgstore.Store)}, nil
		}
		return harness
	})
}

func newTallies(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool := newPool(t, url)
	_, err := pool.Exec(t.Context(), `CREATE TABLE tallies (stream text PRIMARY KEY, events bigint NOT NULL)`)
	require.NoError(t, err)
	return pool
}

func tallyOf(t *testing.T, pool *pgxpool.Pool, stream eventstore.StreamID) (events int) {
	t.Helper()
	const sum = "SELECT coalesce(sum(events), 0) FROM tallies WHERE stream = $1"
	require.NoError(t, pool.QueryRow(t.Context(), sum, stream.String()).Scan(&events))
	return events
}

// isTallied is tallyOf for other goroutines than that of the test.
func isTallied(ctx context.Context, pool *pgxpool.Pool, stream eventstore.StreamID) (is bool) {
	const exists = "SELECT EXISTS (SELECT FROM tallies WHERE stream = $1)"
	return pool.QueryRow(ctx, exists, stream.String()).Scan(&is) == nil && is
}

func TestAppendWithGivesWorkTheEventsAsTheyAreRecorded(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	order41 := eventstore.StreamID{Category: "order", Key: "41"}
	ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{Actor: "jane"})
	binary := added(order41, 1)
	binary.Events[0].ContentType, binary.Events[0].Data = "application/octet-stream", []byte{0, 1}
	_, err := store.Append(ctx, added(order41, 1))
	require.NoError(t, err)

	var given []eventstore.RecordedEvent
	result, err := store.AppendWith(ctx, func(_ context.Context, _ pgx.Tx, events []eventstore.RecordedEvent) error {
		given = events
		return nil
	}, added(order42, 2), binary)
	require.NoError(t, err)
	require.Len(t, given, 3)
	assert.Equal(t, append(stream(t, store, order42), stream(t, store, order41)[1]), given)
	assert.Equal(t, result.Position, given[2].Position)
	assert.EqualValues(t, 2, result.Writes[1].Version)
}

// The planner's settings are those of the database while work runs, and the store's own afterwards.
func TestAppendWithLeavesThePlannerToWork(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	pgtest.SetDefault(t, url, "plan_cache_mode", "force_custom_plan")
	store := open(t, url, pgstore.Options{})
	var cache, scan string
	for range 2 {
		_, err := store.AppendWith(t.Context(), func(ctx context.Context, tx pgx.Tx, _ []eventstore.RecordedEvent) error {
			return tx.QueryRow(ctx, "SELECT current_setting('plan_cache_mode'), current_setting('enable_seqscan')").
				Scan(&cache, &scan)
		}, added(order42, 1))
		require.NoError(t, err)
		assert.Equal(t, "force_custom_plan", cache)
		assert.Equal(t, "on", scan)
	}
}

func TestAppendWithHappensAltogetherOrNotAtAll(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newTallies(t, url)
	failure := errors.New("no")
	failing := func(ctx context.Context, tx pgx.Tx, events []eventstore.RecordedEvent) error {
		require.NoError(t, tally(ctx, tx, events))
		return failure
	}
	ignoring := func(ctx context.Context, tx pgx.Tx, _ []eventstore.RecordedEvent) error {
		_, err := tx.Exec(ctx, "SELECT 1/0")
		require.Error(t, err)
		return nil
	}
	panicking := func(ctx context.Context, tx pgx.Tx, events []eventstore.RecordedEvent) error {
		require.NoError(t, tally(ctx, tx, events))
		panic(failure)
	}

	_, err := store.AppendWith(t.Context(), failing, added(order42, 1))
	require.ErrorIs(t, err, failure)
	_, err = store.AppendWith(t.Context(), ignoring, added(order42, 1))
	require.ErrorIs(t, err, pgx.ErrTxCommitRollback)
	require.NotErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	assert.PanicsWithValue(t, failure, func() { _, _ = store.AppendWith(t.Context(), panicking, added(order42, 1)) })
	require.Empty(t, stream(t, store, order42))
	require.Zero(t, tallyOf(t, pool, order42))

	_, err = store.AppendWith(t.Context(), tally, added(order42, 1))
	require.NoError(t, err)
	require.Equal(t, 1, tallyOf(t, pool, order42))
}

// S7: a repeat gets the first result, and the read model is not changed twice.
func TestAppendWithDoesNotRunWorkForARepeat(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newTallies(t, url)
	write := withIDs(expecting(eventstore.NoStream, added(order42, 2)))

	first, err := store.AppendWith(t.Context(), tally, write)
	require.NoError(t, err)
	unwanted := func(context.Context, pgx.Tx, []eventstore.RecordedEvent) error {
		t.Error("work was run")
		return nil
	}
	again, err := store.AppendWith(t.Context(), unwanted, write)
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Equal(t, 2, tallyOf(t, pool, order42))
	require.Len(t, stream(t, store, order42), 2)

	_, err = store.AppendWith(t.Context(), unwanted, expecting(eventstore.NoStream, added(order42, 1)))
	var conflict *eventstore.ConflictError
	require.ErrorAs(t, err, &conflict)
	assert.EqualValues(t, 2, conflict.Actual)
	assert.Equal(t, 2, tallyOf(t, pool, order42))
}

// Appends that are overtaken are tried again: each gets its place, and the read model counts all of them.
func TestAppendWithRaces(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newTallies(t, url)
	const callers, each = 8, 5
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			for range each {
				_, err := store.AppendWith(t.Context(), tally, added(order42, 1))
				assert.NoError(t, err)
			}
		})
	}
	running.Wait()
	assert.Equal(t, callers*each, tallyOf(t, pool, order42))
	assert.Len(t, stream(t, store, order42), callers*each)
}

// Two pieces of work lock the same rows in opposite order. Postgres ends one, which runs again.
func TestAppendWithRunsWorkAgainAfterADeadlock(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newTallies(t, url)
	_, err := pool.Exec(t.Context(), "INSERT INTO tallies VALUES ('a', 0), ('b', 0)")
	require.NoError(t, err)

	var both, running sync.WaitGroup
	both.Add(2)
	runs := make(chan struct{}, 1000)
	for _, rows := range [][2]string{{"a", "b"}, {"b", "a"}} {
		running.Go(func() {
			var once sync.Once
			_, err := store.AppendWith(t.Context(), func(ctx context.Context, tx pgx.Tx, _ []eventstore.RecordedEvent) error {
				runs <- struct{}{}
				const lock = "UPDATE tallies SET events = events + 1 WHERE stream = $1"
				if _, err := tx.Exec(ctx, lock, rows[0]); err != nil {
					return err
				}
				once.Do(func() { both.Done(); both.Wait() })
				_, err := tx.Exec(ctx, lock, rows[1])
				return err
			}, added(eventstore.StreamID{Category: "order", Key: rows[0]}, 1))
			assert.NoError(t, err)
		})
	}
	running.Wait()
	assert.GreaterOrEqual(t, len(runs), 3, "one of them may be ended more than once")
	var sum int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT sum(events) FROM tallies").Scan(&sum))
	assert.Equal(t, 4, sum)
	require.Len(t, collect(t, store.ReadAll(t.Context(), 0, eventstore.Filter{})), 2)
}

// S10: the connection is lost at the commit. The caller gets the true outcome, and both parts have happened once.
func TestAppendWithResolvesACommitWithoutAnswer(t *testing.T) {
	t.Parallel()
	for _, lost := range []struct {
		name    string
		prepare func(*proxy)
		forward bool
		unknown bool
	}{
		{"before the database gets it", (*proxy).expose, false, false},
		{"after the database has committed", (*proxy).expose, true, false},
		{"before the database gets it, behind a pooler", (*proxy).hideBackends, false, true},
	} {
		t.Run(lost.name, func(t *testing.T) {
			t.Parallel()
			url := migrated.Database(t)
			proxy, proxied := newProxy(t, url)
			lost.prepare(proxy)
			store, pool := open(t, proxied, pgstore.Options{}), newTallies(t, url)
			proxy.atNextAppend(atCommit(func(client, server net.Conn, message []byte) bool {
				if lost.forward { // and committed before the client notices, which would end the session
					proxy.cutClient(client)
					_, err := server.Write(message)
					assert.NoError(t, err)
					assert.Eventually(t, func() bool { return isTallied(t.Context(), pool, order42) }, time.Minute, time.Millisecond)
				}
				_ = client.Close()
				return false
			}))
			runs := 0
			result, err := store.AppendWith(t.Context(),
				func(ctx context.Context, tx pgx.Tx, events []eventstore.RecordedEvent) error {
					runs++
					return tally(ctx, tx, events)
				}, added(order42, 1))
			if lost.unknown {
				require.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
				return
			}
			require.NoError(t, err)
			events := stream(t, open(t, url, pgstore.Options{}), order42)
			require.Len(t, events, 1)
			assert.Equal(t, events[0].Position, result.Position)
			assert.Equal(t, 1, tallyOf(t, pool, order42))
			assert.Equal(t, lost.forward, runs == 1)
		})
	}
}

// Subscriptions learn of the commit at once, long before they would poll.
func TestAppendWithReachesSubscriptions(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, other := open(t, url, pgstore.Options{}), open(t, url, pgstore.Options{})
	newTallies(t, url)
	for _, reader := range []eventstore.Store{store, other} {
		appendWithReaches(t, store, reader)
	}
}

func appendWithReaches(t *testing.T, store *pgstore.Store, reader eventstore.Store) {
	t.Helper()
	next, stop := iter.Pull2(reader.Subscribe(t.Context(), 0, eventstore.Filter{}))
	defer stop()
	_, err, _ := next() // subscribed
	require.NoError(t, err)
	appended, err := store.AppendWith(t.Context(), tally, added(order42, 1))
	require.NoError(t, err)
	for through := eventstore.Position(0); through < appended.Position; {
		batch, err, _ := next()
		require.NoError(t, err)
		through = batch.Through
	}
}
