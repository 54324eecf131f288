package pgstore_test

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// S4: what is appended above an import that is under way waits for it.
func TestReadersWaitForAnImport(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	proxy, proxied := newProxy(t, url)
	importing, other := open(t, proxied, pgstore.Options{}), open(t, url, pgstore.Options{})
	reached, goOn, outcome := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	letGo := sync.OnceFunc(func() { close(goOn) })
	defer letGo()
	proxy.atNextAppend(atCommit(func(net.Conn, net.Conn, []byte) bool {
		close(reached)
		<-goOn
		return true
	}))
	go func() {
		_, err := importing.Import(t.Context(), source(added(order42, 2)), nil)
		outcome <- err
	}()
	<-reached
	_, err := other.Append(t.Context(), added(eventstore.StreamID{Category: "order", Key: "43"}, 1))
	require.NoError(t, err)
	require.Empty(t, collect(t, other.ReadAll(t.Context(), 0, eventstore.Filter{})))
	inFlight, err := other.InFlightAppends(t.Context())
	require.NoError(t, err)
	require.Len(t, inFlight, 1)
	letGo()
	require.NoError(t, <-outcome)
	events := collect(t, other.ReadAll(t.Context(), 0, eventstore.Filter{}))
	require.Len(t, events, 3)
	require.Equal(t, order42, events[0].Stream)
}

// S1, S3, S4, S5: imports and appends write to the same streams at the same time, and other processes' subscriptions get
// each event once, in order, and each write whole.
func TestImportStorm(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, tailer := open(t, url, pgstore.Options{}), open(t, url, pgstore.Options{PollInterval: time.Second})
	const importers, appenders, writes = 3, 4, 400
	total := (importers*writes + appenders*writes/10) * 3

	var running sync.WaitGroup
	for i := range importers {
		running.Go(func() {
			result, err := store.Import(t.Context(), source(scattered(fmt.Sprint("importer ", i), writes)...), nil)
			assert.NoError(t, err)
			assert.EqualValues(t, writes, result.Writes)
		})
	}
	for i := range appenders {
		running.Go(func() {
			for _, write := range scattered(fmt.Sprint("appender ", i), writes/10) {
				_, err := store.Append(t.Context(), write)
				assert.NoError(t, err)
			}
		})
	}
	defer running.Wait()
	requireWhole(t, tailer, total)
}

// scattered returns writes of three events to streams that others write to as well, in another order.
func scattered(name string, writes int) []eventstore.Write {
	all := make([]eventstore.Write, writes)
	for i := range all {
		all[i] = added(eventstore.StreamID{Category: "order", Key: fmt.Sprint((i * len(name) * 7) % 50)}, 3)
		for j := range all[i].Events {
			all[i].Events[j].Data = fmt.Appendf(nil, `{"by":%q,"write":%d,"event":%d}`, name, i, j)
		}
	}
	return all
}

// requireWhole follows the store until it has so many events.
func requireWhole(t *testing.T, store eventstore.Store, total int) {
	t.Helper()
	var seen []eventstore.RecordedEvent
	versions := make(map[eventstore.StreamID]eventstore.Version)
	for batch, err := range store.Subscribe(t.Context(), 0, eventstore.Filter{}) {
		require.NoError(t, err)
		for _, event := range batch.Events {
			if len(seen) > 0 {
				require.Greater(t, event.Position, seen[len(seen)-1].Position)
			}
			versions[event.Stream]++
			require.Equal(t, versions[event.Stream], event.Version)
			seen = append(seen, event)
		}
		if len(seen) >= total {
			break
		}
	}
	require.Len(t, seen, total)
	require.Equal(t, collect(t, store.ReadAll(t.Context(), 0, eventstore.Filter{})), seen)
	for i := 0; i < total; i += 3 { // the events of a write lie together
		var by, other string
		var write, event, otherWrite int
		scan(t, seen[i], &by, &write, &event)
		require.Zero(t, event)
		for j := 1; j < 3; j++ {
			scan(t, seen[i+j], &other, &otherWrite, &event)
			require.Equal(t, []any{by, write, j}, []any{other, otherWrite, event})
		}
	}
}

func scan(t *testing.T, recorded eventstore.RecordedEvent, by *string, write, event *int) {
	t.Helper()
	_, err := fmt.Sscanf(string(recorded.Data), `{"by":%q,"write":%d,"event":%d}`, by, write, event)
	require.NoError(t, err)
}

// No subscription freezes while an import runs: what it commits arrives as it goes on.
func TestImportArrivesAsItGoesOn(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, tailer := open(t, url, pgstore.Options{}), open(t, url, pgstore.Options{})
	writes := history(10_000)
	var running sync.WaitGroup
	var done atomic.Bool
	commits := 0
	running.Go(func() {
		defer done.Store(true)
		_, err := store.Import(t.Context(), source(writes...), &pgstore.ImportOptions{
			Progress: func(pgstore.ImportResult) { commits++ },
		})
		assert.NoError(t, err)
	})
	defer running.Wait()
	events, early := 0, 0
	last, gap := time.Now(), time.Duration(0)
	for batch, err := range tailer.Subscribe(t.Context(), 0, eventstore.Filter{}) {
		require.NoError(t, err)
		if len(batch.Events) > 0 {
			gap, last = max(gap, time.Since(last)), time.Now()
		}
		events += len(batch.Events)
		if !done.Load() {
			early = events
		}
		if events == 3*len(writes) {
			break
		}
	}
	running.Wait()
	t.Logf("%d commits; %d of %d events arrived before the end, the largest gap was %s", commits, early, events, gap)
	assert.Greater(t, commits, 3)
	assert.Positive(t, early)
}
