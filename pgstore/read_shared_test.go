package pgstore_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

func numbered(n int) eventstore.StreamID {
	return eventstore.StreamID{Category: "order", Key: strconv.Itoa(n)}
}

// sharedReads counts the statements that read several streams.
type sharedReads struct{ count atomic.Int64 }

func (s *sharedReads) note(statement string) {
	if strings.Contains(statement, "CROSS JOIN LATERAL") {
		s.count.Add(1)
	}
}

func (s *sharedReads) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.note(data.SQL)
	return ctx
}

func (s *sharedReads) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.note(data.SQL)
}

func (*sharedReads) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (*sharedReads) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (*sharedReads) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// openCounting opens a store that counts its shared reads.
func openCounting(t *testing.T, url string) (*pgstore.Store, *sharedReads) {
	t.Helper()
	shared := new(sharedReads)
	store, err := pgstore.OpenTraced(t.Context(), url, &pgstore.Options{Logger: silent, PollInterval: noPolling}, shared)
	require.NoError(t, err)
	t.Cleanup(func() { closeStore(t, store) })
	return store, shared
}

// queueReads makes calls of read wait for a lane, and returns when they do. All lanes are taken.
func queueReads(t *testing.T, store *pgstore.Store, calls int, read func(call int)) (wait func()) {
	t.Helper()
	before := store.WaitingReads()
	var running sync.WaitGroup
	for call := range calls {
		running.Go(func() { read(call) })
	}
	require.Eventually(t, func() bool { return store.WaitingReads() == before+calls }, time.Minute, time.Millisecond)
	return running.Wait
}

// readStream is stream for other goroutines than the test's.
func readStream(
	ctx context.Context, store eventstore.Store, id eventstore.StreamID, options eventstore.ReadOptions,
) (events []eventstore.RecordedEvent, err error) {
	for event, err := range store.ReadStream(ctx, id, options) {
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

// sized returns a write of an event for each size, of which its data has about so many bytes.
func sized(id eventstore.StreamID, binary bool, sizes ...int) eventstore.Write {
	write := eventstore.Write{Stream: id, Expected: eventstore.AnyVersion}
	for i, size := range sizes {
		event := eventstore.EventData{Type: addedType, Data: fmt.Appendf(nil, `{"n":%d,"note":"%s"}`, i, incompressible(size))}
		if binary {
			event.ContentType = "application/octet-stream"
		}
		write.Events = append(write.Events, event)
	}
	return write
}

// incompressible returns text that Postgres stores in about as many bytes as it has.
func incompressible(size int) string {
	var text strings.Builder
	for n := uint64(1); text.Len() < size; n++ {
		text.WriteString(strconv.FormatUint(n*0x9e3779b97f4a7c15, 36))
	}
	return text.String()[:size]
}

func repeated(n, size int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = size
	}
	return sizes
}

// Reads that wait for a lane share statements, and each gets what it would get alone, whatever the others read.
func TestReadsShareStatements(t *testing.T) {
	t.Parallel()
	const large = 100 << 10
	streams := []eventstore.Write{
		sized(numbered(0), false, 10, 20),
		sized(numbered(1), false, 10, 20, 30, 40),
		sized(numbered(2), true, 10, 0, 10),
		sized(numbered(3), false, large, 10),
		sized(numbered(4), true, 10, large, 10),
		sized(numbered(5), false, 10, 10, large),
		sized(numbered(6), false, repeated(128, 10)...),
		sized(numbered(7), false, repeated(300, 10)...),
	}
	options := []eventstore.ReadOptions{
		{}, {From: 2}, {From: 1000}, {Limit: 1}, {Limit: 2}, {From: 2, Limit: 2}, {Limit: 1000},
	}
	type read struct {
		stream  eventstore.StreamID
		options eventstore.ReadOptions
	}
	reads := []read{{stream: numbered(1000)}}
	for _, write := range streams {
		for _, options := range options {
			reads = append(reads, read{write.Stream, options})
		}
	}
	testSharedReads(t, streams, len(reads), 2, func(store eventstore.Store, call int) ([]eventstore.RecordedEvent, error) {
		return readStream(t.Context(), store, reads[call].stream, reads[call].options)
	})
}

// What a shared statement brings is limited, and who gets nothing of it reads alone.
func TestSharedReadsOfMuch(t *testing.T) {
	t.Parallel()
	const readers = 12 // of half a megabyte each
	var streams []eventstore.Write
	for n := range readers {
		streams = append(streams, sized(numbered(n), n%2 == 0, repeated(100, 5<<10)...))
	}
	testSharedReads(t, streams, readers, 1, func(store eventstore.Store, call int) ([]eventstore.RecordedEvent, error) {
		return readStream(t.Context(), store, numbered(call), eventstore.ReadOptions{})
	})
}

// testSharedReads makes reads that share so many statements, on all kinds of sessions, and compares what they get with
// what they get alone.
func testSharedReads(
	t *testing.T, streams []eventstore.Write, calls, statements int,
	read func(store eventstore.Store, call int) ([]eventstore.RecordedEvent, error),
) {
	t.Helper()
	url := migrated.Database(t)
	alone := open(t, url, pgstore.Options{})
	ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{Actor: "Ada", Values: map[string]string{"k": "v"}})
	for i, write := range streams {
		if i%2 == 0 {
			ctx = t.Context()
		}
		_, err := alone.Append(ctx, write)
		require.NoError(t, err)
	}
	want := make([][]eventstore.RecordedEvent, calls)
	for call := range want {
		var err error
		want[call], err = read(alone, call)
		require.NoError(t, err)
	}
	for name, url := range sessionsOf(t, url) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, shared := openCounting(t, url)
			release := store.HoldReads()
			wait := queueReads(t, store, calls, func(call int) {
				got, err := read(store, call)
				if assert.NoError(t, err, "read %d", call) {
					assert.Equal(t, want[call], got, "read %d", call)
				}
			})
			release()
			wait()
			assert.EqualValues(t, statements, shared.count.Load())
		})
	}
}

// sessionsOf returns URLs of a database by which sessions are of different kinds, with a few connections.
func sessionsOf(t *testing.T, databaseURL string) map[string]string {
	t.Helper()
	proxy, proxied := newProxy(t, databaseURL)
	proxy.hideBackends()
	const connections = "&pool_max_conns=4"
	return map[string]string{
		"direct":            databaseURL + connections,
		"text":              databaseURL + connections + "&default_query_exec_mode=simple_protocol",
		"behind a pooler":   proxied + connections + "&default_query_exec_mode=exec",
		"other defaults":    databaseURL + connections + "&default_transaction_isolation=serializable",
		"text and defaults": databaseURL + connections + "&default_transaction_isolation=serializable&default_query_exec_mode=exec",
	}
}

// Streams that share a statement share no memory that one of their readers may write to.
func TestSharedReadsAreEachTheirOwn(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{Values: map[string]string{"k": "v"}})
	const streams = 8
	for n := range streams {
		_, err := store.Append(ctx, added(numbered(n), 2))
		require.NoError(t, err)
	}
	release := store.HoldReads()
	wait := queueReads(t, store, streams, func(call int) {
		events, err := readStream(t.Context(), store, numbered(call), eventstore.ReadOptions{})
		if !assert.NoError(t, err) {
			return
		}
		events[0].Metadata.Values["k"] = strconv.Itoa(call)
		for _, event := range events {
			assert.JSONEq(t, `{"name":"Socks"}`, string(event.Data))
			clear(event.Data)
		}
		assert.Equal(t, strconv.Itoa(call), events[0].Metadata.Values["k"])
	})
	release()
	wait()
}

// lockEvents keeps everybody from the events until release.
func lockEvents(t *testing.T, url string) (release func()) {
	t.Helper()
	tx := begin(t, newPool(t, url), pgx.TxOptions{})
	_, err := tx.Exec(t.Context(), "LOCK TABLE pasttense.events IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	return func() { require.NoError(t, tx.Rollback(t.Context())) }
}

// waitForLock are the backends that wait for the table.
const waitForLock = `FROM pg_stat_activity
	WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'relation'`

func awaitLocked(t *testing.T, url string, want int) {
	t.Helper()
	pool := newPool(t, url)
	require.Eventually(t, func() bool {
		var count int
		err := pool.QueryRow(t.Context(), "SELECT count(*) "+waitForLock).Scan(&count)
		return err == nil && count == want
	}, time.Minute, 5*time.Millisecond)
}

// A caller that goes gets its context's error at once, and the others get their events.
func TestSharedReadsThatAreCanceled(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store := open(t, url+"&pool_max_conns=2", pgstore.Options{})
	for n := range 4 {
		_, err := store.Append(t.Context(), added(numbered(n), n))
		require.NoError(t, err)
	}
	early, leaveEarly := context.WithCancel(t.Context())
	late, leaveLate := context.WithCancel(t.Context())
	defer leaveLate()
	contexts := []context.Context{t.Context(), early, late, t.Context()}
	errs := make([]chan error, len(contexts))
	for n := range errs {
		errs[n] = make(chan error, 1)
	}
	unlock, release := lockEvents(t, url), store.HoldReads()
	wait := queueReads(t, store, len(contexts), func(call int) {
		events, err := readStream(contexts[call], store, numbered(call), eventstore.ReadOptions{})
		if err == nil {
			assert.Len(t, events, call)
		}
		errs[call] <- err
	})
	leaveEarly() // while it waits for a lane
	require.ErrorIs(t, <-errs[1], context.Canceled)
	assert.Equal(t, 3, store.WaitingReads())
	release()
	awaitLocked(t, url, 1)
	leaveLate() // while the database has it
	require.ErrorIs(t, <-errs[2], context.Canceled)
	unlock()
	require.NoError(t, <-errs[0])
	require.NoError(t, <-errs[3])
	wait()
}

// A statement that nobody waits for is given up.
func TestASharedReadThatAllHaveLeft(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store := open(t, url+"&pool_max_conns=2", pgstore.Options{AnswerTimeout: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	unlock, release := lockEvents(t, url), store.HoldReads()
	wait := queueReads(t, store, 3, func(call int) {
		_, err := readStream(ctx, store, numbered(call), eventstore.ReadOptions{})
		assert.ErrorIs(t, err, context.Canceled)
	})
	release()
	awaitLocked(t, url, 1)
	cancel()
	wait()
	awaitLocked(t, url, 0)
	unlock()
}

// When the connection of a shared statement is lost, nobody notices: all read again, each alone.
func TestASharedReadThatLosesItsConnection(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, shared := openCounting(t, url+"&pool_max_conns=2")
	const readers = 10
	for n := range readers {
		_, err := store.Append(t.Context(), added(numbered(n), n))
		require.NoError(t, err)
	}
	unlock, release := lockEvents(t, url), store.HoldReads()
	wait := queueReads(t, store, readers, func(call int) {
		events, err := readStream(t.Context(), store, numbered(call), eventstore.ReadOptions{})
		if assert.NoError(t, err) {
			assert.Len(t, events, call)
		}
	})
	release()
	awaitLocked(t, url, 1)
	_, err := newPool(t, url).Exec(t.Context(), "SELECT pg_terminate_backend(pid) "+waitForLock)
	require.NoError(t, err)
	awaitLocked(t, url, 2) // by themselves, on all connections
	unlock()
	wait()
	assert.EqualValues(t, 1, shared.count.Load())
}

// An answer that does not come is not waited for by those who shared the question.
func TestASharedReadThatIsCutOff(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	proxy, proxied := newProxy(t, url)
	store := open(t, proxied+"&pool_max_conns=2&pool_ping_timeout=200ms", pgstore.Options{AnswerTimeout: answerTimeout})
	_, err := store.Append(t.Context(), added(order42, 2))
	require.NoError(t, err)
	release := store.HoldReads()
	wait := queueReads(t, store, 5, func(int) {
		events, err := readStream(t.Context(), store, order42, eventstore.ReadOptions{})
		if assert.NoError(t, err) {
			assert.Len(t, events, 2)
		}
	})
	proxy.cut()
	release()
	wait()
}

// Close waits for reads that wait for a lane.
func TestCloseWaitsForSharedReads(t *testing.T) {
	t.Parallel()
	store, err := pgstore.Open(t.Context(), migrated.Database(t), &pgstore.Options{Logger: silent, PollInterval: noPolling})
	require.NoError(t, err)
	_, err = store.Append(t.Context(), added(order42, 2))
	require.NoError(t, err)
	release := store.HoldReads()
	wait := queueReads(t, store, 5, func(int) {
		events, err := readStream(t.Context(), store, order42, eventstore.ReadOptions{})
		if assert.NoError(t, err) {
			assert.Len(t, events, 2)
		}
	})
	soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, store.Close(soon), context.DeadlineExceeded)
	_, err = readStream(t.Context(), store, order42, eventstore.ReadOptions{})
	require.ErrorIs(t, err, eventstore.ErrClosed)
	release()
	closeStore(t, store)
	wait()
}

// S3: many read and append at the same time, and nobody gets less than was acknowledged before it asked, or something
// else than was appended. One connection is enough for all of them.
func TestReadersAndAppendersShareConnections(t *testing.T) {
	t.Parallel()
	for _, connections := range []int{1, 2, 8} {
		t.Run(strconv.Itoa(connections), func(t *testing.T) {
			t.Parallel()
			store, shared := openCounting(t, fmt.Sprintf("%s&pool_max_conns=%d", migrated.Database(t), connections))
			const streams, appends, readers, reads = 8, 30, 32, 20
			var acknowledged [streams]atomic.Int64
			var running sync.WaitGroup
			for n := range streams {
				running.Go(func() {
					for i := range appends {
						write := expecting(eventstore.Exactly(eventstore.Version(i)), added(numbered(n), 1))
						write.Events[0].Data = fmt.Appendf(nil, `{"stream":%d,"n":%d}`, n, i+1)
						if _, err := store.Append(t.Context(), write); !assert.NoError(t, err) {
							return
						}
						acknowledged[n].Store(int64(i + 1))
					}
				})
			}
			for reader := range readers {
				running.Go(func() {
					for i := range reads {
						n := (reader + i) % streams
						from := eventstore.Version(i % 3)
						least := acknowledged[n].Load()
						events, err := readStream(t.Context(), store, numbered(n), eventstore.ReadOptions{From: from})
						if !assert.NoError(t, err) {
							return
						}
						first := max(1, int64(from))
						assert.GreaterOrEqual(t, int64(len(events)), least-first+1)
						for i, event := range events {
							assert.Equal(t, numbered(n), event.Stream)
							assert.EqualValues(t, first+int64(i), event.Version)
							assert.JSONEq(t, fmt.Sprintf(`{"stream":%d,"n":%d}`, n, event.Version), string(event.Data))
						}
					}
				})
			}
			running.Wait()
			assert.Positive(t, shared.count.Load())
		})
	}
}

// Whoever gets events may read others meanwhile, also when all connections are one.
func TestReadsWithinReads(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t)+"&pool_max_conns=1", pgstore.Options{})
	for n := range 3 {
		_, err := store.Append(t.Context(), added(numbered(n), 3))
		require.NoError(t, err)
	}
	var running sync.WaitGroup
	for range 10 {
		running.Go(func() {
			for _, err := range store.ReadStream(t.Context(), numbered(0), eventstore.ReadOptions{}) {
				assert.NoError(t, err)
				for _, err := range store.ReadStream(t.Context(), numbered(1), eventstore.ReadOptions{}) {
					assert.NoError(t, err)
					events, err := readStream(t.Context(), store, numbered(2), eventstore.ReadOptions{})
					assert.NoError(t, err)
					assert.Len(t, events, 3)
				}
			}
		})
	}
	running.Wait()
}
