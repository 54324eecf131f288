package pgstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

// looks counts how often a store looks at the database for its subscriptions.
type looks struct{ atomic.Int64 }

func (*looks) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (*looks) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (*looks) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (l *looks) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	if strings.Contains(data.SQL, "pg_locks") {
		l.Add(1)
	}
}

func (*looks) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// openCounted opens a store and counts its looks.
func openCounted(t *testing.T) (*pgstore.Store, *looks) {
	t.Helper()
	counted := &looks{}
	store, err := pgstore.OpenTraced(t.Context(), migrated.Database(t),
		&pgstore.Options{PollInterval: noPolling, Logger: silent}, counted)
	require.NoError(t, err)
	t.Cleanup(func() { closeStore(t, store) })
	return store, counted
}

// S8: a thousand live subscriptions look at the database about as often as one.
func TestAThousandSubscriptionsLookAsOne(t *testing.T) {
	t.Parallel()
	alone, aloneLooks := openCounted(t)
	together, togetherLooks := openCounted(t)
	one := looksOfLiveSubscriptions(t, alone, aloneLooks, 1)
	thousand := looksOfLiveSubscriptions(t, together, togetherLooks, 1000)
	t.Logf("looks: %d of one subscription, %d of a thousand", one, thousand)
	assert.LessOrEqual(t, float64(thousand), 1.3*float64(one))
}

// looksOfLiveSubscriptions returns how often the store looks for subscriptions while it appends.
func looksOfLiveSubscriptions(t *testing.T, store *pgstore.Store, looks *looks, subscriptions int) int64 {
	t.Helper()
	const rounds = 40
	crowd := &crowd{store: store}
	ctx, stop := context.WithCancel(t.Context())
	defer crowd.running.Wait()
	defer stop()
	for range subscriptions {
		crowd.join(ctx, &subscriber{})
	}
	var before int64
	for n := range 3 + rounds {
		if n == 3 { // all have joined
			require.Equal(t, subscriptions, store.TailInterests())
			before = looks.Load()
		}
		result, err := store.Append(t.Context(), added(order42, 1))
		require.NoError(t, err)
		crowd.await(t, result.Position)
	}
	taken := looks.Load() - before
	crowd.requireAll(t)
	return taken
}

// Subscriptions with all kinds of filters come and go while others append, and some are slow: each gets what its filter
// selects, once and in order, whether from the window or by itself.
func TestTailServesEveryFilter(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	crowd := &crowd{store: store}
	ctx, stop := context.WithCancel(t.Context())
	defer crowd.running.Wait()
	defer stop()
	appended := make(chan struct{}, 1)
	var appending sync.WaitGroup
	for range 3 {
		appending.Go(func() { appendAllKinds(t, store, appended) })
	}
	go func() { appending.Wait(); close(appended) }()
	for range appended {
		crowd.join(ctx, &subscriber{filter: someFilter(), busy: oftenBusy(t, store)})
		for batch, err := range store.Subscribe(ctx, 0, someFilter()) { // one that comes and goes
			assert.NoError(t, err)
			if batch.CaughtUp || rand.IntN(3) == 0 { // nothing more may come
				break
			}
		}
	}
	crowd.requireAll(t)
}

func appendAllKinds(t *testing.T, store *pgstore.Store, appended chan<- struct{}) {
	t.Helper()
	for n := range 25 {
		stream := eventstore.StreamID{Category: oneOf("order", "payment", "$pm.checkout"), Key: oneOf("1", "2", "3")}
		write := added(stream, 1+rand.IntN(5))
		if n%10 == 5 {
			write = added(stream, 3000) // more than the window holds, after a few
		}
		for i := range write.Events {
			write.Events[i].Type = oneOf("x", "y", "z")
		}
		_, err := store.Append(t.Context(), write)
		assert.NoError(t, err)
		select {
		case appended <- struct{}{}:
		default:
		}
	}
}

func someFilter() eventstore.Filter {
	var filter eventstore.Filter
	for range rand.IntN(3) {
		filter.Categories = append(filter.Categories, oneOf("order", "payment", "$pm.checkout"))
	}
	for range rand.IntN(3) {
		filter.Types = append(filter.Types, oneOf("x", "y", "z"))
	}
	return filter
}

func oneOf(names ...string) string { return names[rand.IntN(len(names))] }

// oftenBusy returns a loop body that now and then takes as long as some queries do.
func oftenBusy(t *testing.T, store *pgstore.Store) func(eventstore.Batch) {
	t.Helper()
	return func(eventstore.Batch) {
		for range rand.IntN(10) - 5 {
			_, err := store.Head(t.Context())
			assert.NoError(t, err)
		}
	}
}

// A subscription that stays in its loop body while the window moves on misses nothing, costs the others nothing, and
// shares their looks again when it has caught up.
func TestASlowSubscriptionFallsOutAndJoinsAgain(t *testing.T) {
	t.Parallel()
	store, looks := openCounted(t)
	crowd := &crowd{store: store}
	ctx, stop := context.WithCancel(t.Context())
	defer crowd.running.Wait()
	defer stop()

	entered, release := make(chan struct{}), make(chan struct{})
	slow := crowd.join(ctx, &subscriber{})
	first := true
	slow.busy = func(batch eventstore.Batch) {
		if first && len(batch.Events) > 0 {
			first = false
			close(entered)
			<-release
		}
	}
	fast := crowd.join(ctx, &subscriber{})
	slow.awaitCaughtUp(t)
	fast.awaitCaughtUp(t)
	appendOne(t, store)
	<-entered
	for range 3 {
		result, err := store.Append(t.Context(), added(order42, eventstore.MaxAppendEvents))
		require.NoError(t, err)
		fast.await(t, result.Position)
		events, bytes := store.TailWindow()
		assert.LessOrEqual(t, events, 5000)
		assert.LessOrEqual(t, bytes, 32<<20)
	}
	require.Equal(t, 1, len(slow.seen())) //nolint:testifylint // Len prints them all
	close(release)
	crowd.requireAll(t)

	for range 3 {
		crowd.await(t, appendOne(t, store))
	}
	before := looks.Load()
	const rounds = 20
	for range rounds {
		crowd.await(t, appendOne(t, store))
	}
	assert.LessOrEqual(t, looks.Load()-before, int64(1.3*rounds))
	crowd.requireAll(t)
}

func appendOne(t *testing.T, store eventstore.Store) eventstore.Position {
	t.Helper()
	result, err := store.Append(t.Context(), added(order42, 1))
	require.NoError(t, err)
	return result.Position
}

// The subscription that looks for all may end at any time, even in the middle of a look.
func TestTheOneThatLooksMayLeave(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	crowd := &crowd{store: store}
	ctx, stop := context.WithCancel(t.Context())
	defer crowd.running.Wait()
	defer stop()
	staying := crowd.join(ctx, &subscriber{})
	staying.awaitCaughtUp(t)
	for range 200 {
		leaving, leave := context.WithCancel(ctx)
		leaver := crowd.join(leaving, &subscriber{})
		leaver.awaitCaughtUp(t)
		crowd.subscribers = crowd.subscribers[:1]
		position := appendOne(t, store) // it may be looking for this now
		leave()
		staying.await(t, position)
	}
	crowd.requireAll(t)
}

// A lost connection ends at most the subscription that was looking, and loses no event of any.
func TestTailSurvivesLostConnections(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	crowd := &crowd{store: open(t, url, pgstore.Options{})}
	ctx, stop := context.WithCancel(t.Context())
	defer crowd.running.Wait()
	defer stop()
	for range 10 {
		crowd.join(ctx, &subscriber{persistent: true})
	}
	for n := range 10 {
		pgtest.Terminate(t, url)
		write := withIDs(added(eventstore.StreamID{Category: "order", Key: fmt.Sprint(n)}, 1))
		crowd.await(t, appendSurely(t, crowd.store, write))
	}
	crowd.requireAll(t)
}

// S4 across a crash of the server under a crowd that tails it.
func TestTailSurvivesACrash(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t)
	require.NoError(t, pgstore.Migrate(t.Context(), server.URL(), &pgstore.MigrateOptions{Logger: silent}))
	crowd := &crowd{store: open(t, server.URL(), pgstore.Options{})}
	ctx, stop := context.WithCancel(t.Context())
	defer crowd.running.Wait()
	defer stop()
	for range 10 {
		crowd.join(ctx, &subscriber{persistent: true})
	}
	for n := range 60 {
		if n%20 == 10 {
			crowd.running.Go(func() { assert.NoError(t, server.Crash(t.Context())) })
		}
		write := withIDs(added(eventstore.StreamID{Category: "order", Key: fmt.Sprint(n)}, 3))
		crowd.await(t, appendSurely(t, crowd.store, write))
	}
	crowd.requireAll(t)
}

// appendSurely repeats an append until it is acknowledged.
func appendSurely(t *testing.T, store eventstore.Store, write eventstore.Write) eventstore.Position {
	t.Helper()
	for {
		result, err := store.Append(t.Context(), write)
		if err == nil {
			return result.Position
		}
		require.NoError(t, t.Context().Err())
	}
}

// A subscription ends at once, also when there is more for it in memory.
func TestCancelEndsASubscriptionAmidTheWindow(t *testing.T) {
	t.Parallel()
	crowd := &crowd{store: open(t, migrated.Database(t), pgstore.Options{})}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const first, second, third = 128, 256, 512 // what the looks bring
	canceled := &subscriber{}
	canceled.busy = func(eventstore.Batch) {
		if len(canceled.seen()) > first+second {
			cancel()
		}
	}
	crowd.join(ctx, canceled).awaitCaughtUp(t)
	_, err := crowd.store.Append(t.Context(), added(order42, first+second+third))
	require.NoError(t, err)
	crowd.running.Wait()
	require.ErrorIs(t, canceled.err, context.Canceled)
	assert.Less(t, len(canceled.seen()), first+second+third)
}

func TestCloseEndsTheTail(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, err := pgstore.Open(t.Context(), url, &pgstore.Options{PollInterval: noPolling, Logger: silent})
	require.NoError(t, err)
	crowd := &crowd{store: store}
	for range 10 {
		crowd.join(t.Context(), &subscriber{}).awaitCaughtUp(t)
	}
	crowd.await(t, appendOne(t, store))
	closeStore(t, store)
	crowd.running.Wait()
	for _, s := range crowd.subscribers {
		require.ErrorIs(t, s.err, eventstore.ErrClosed)
	}
	assert.Zero(t, store.TailInterests())
}

// A thousand subscriptions share what is in memory, also when all of them stand still with a batch in hand.
func TestAThousandSubscriptionsFitIn64MB(t *testing.T) {
	store := open(t, migrated.Database(t), pgstore.Options{})
	crowd := &crowd{store: store}
	ctx, stop := context.WithCancel(t.Context())
	defer crowd.running.Wait()
	defer stop()
	before := heap()
	release, holding := make(chan struct{}), make(chan struct{}, 1000)
	for n := range 1000 {
		held := false
		crowd.join(ctx, &subscriber{
			filter: eventstore.Filter{Types: []string{"order.item-added", fmt.Sprint(n)}},
			busy: func(batch eventstore.Batch) {
				if !held && len(batch.Events) > 0 {
					held = true
					holding <- struct{}{}
					<-release
					runtime.KeepAlive(batch)
				}
			},
		})
	}
	for _, s := range crowd.subscribers {
		s.awaitCaughtUp(t)
	}
	write := added(order42, 5000)
	for i := range write.Events {
		write.Events[i].Data = fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("x", 1<<10))
		if i%2 == 0 {
			write.Events[i].Type = "order.item-removed" // so that no batch is contiguous
		}
	}
	_, err := store.Append(t.Context(), write)
	require.NoError(t, err)
	for range 1000 {
		<-holding
	}
	taken := heap() - before
	t.Logf("the heap of 1,000 subscriptions: %.1f MB", float64(taken)/(1<<20))
	assert.Less(t, taken, int64(64<<20))
	runtime.KeepAlive(write)
	close(release)
	crowd.requireAll(t)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
