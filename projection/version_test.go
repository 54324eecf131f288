package projection_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

// shop is a store and a target on Postgres, and a pool for readers.
type shop struct {
	backend[pgx.Tx]
	target *pgstore.Target
	pool   *pgxpool.Pool
	// published has the positions that the projections' side effects were for.
	mu        sync.Mutex
	published map[eventstore.Position]int
}

func newShop(t *testing.T) *shop {
	t.Helper()
	b := onPostgres(t)
	return &shop{backend: b, target: b.target.(*pgstore.Target), pool: b.pool, published: make(map[eventstore.Position]int)}
}

// items returns a version of a projection that counts items in a table, of which versions after the first have another
// column.
func (s *shop) items(version int, opts *projection.Options) *projection.Projection[pgx.Tx] {
	items := projection.New("items", s.store, s.target, opts)
	items.Versioned(version, func(ctx context.Context, tx pgx.Tx) error {
		column := ""
		if version > 1 {
			column = fmt.Sprintf(", version integer NOT NULL DEFAULT %d", version)
		}
		_, err := tx.Exec(ctx, "CREATE TABLE counts (stream text PRIMARY KEY, n bigint NOT NULL"+column+")")
		return err
	})
	projection.On(items, orderEvents, func(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[OrderEvent]) error {
		if projection.IsLive(ctx) {
			s.mu.Lock()
			s.published[e.Position]++
			s.mu.Unlock()
		}
		_, err := tx.Exec(ctx, `INSERT INTO counts AS c (stream, n) VALUES ($1, 1)
			ON CONFLICT (stream) DO UPDATE SET n = c.n + 1`, e.Stream.Key)
		return err
	})
	return items
}

// counted returns how many events the live read model has counted.
func (s *shop) counted(ctx context.Context) (events, streams int, err error) {
	err = s.pool.QueryRow(ctx, "SELECT coalesce(sum(n), 0)::int, count(*)::int FROM items.counts").Scan(&events, &streams)
	return events, streams, err
}

func (s *shop) eventually(what string, is func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			require.FailNow(s.t, "it never came to this: "+what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *shop) isLive(version int) func() bool {
	return func() bool {
		checkpoints, err := s.target.Checkpoints(s.t.Context(), eventstore.ConsumerID{Name: "items"})
		require.NoError(s.t, err)
		return len(checkpoints) > 0 && checkpoints[0].Consumer.Version == version
	}
}

// P5: a new version is filled beside the live one while events come, takes over by itself, and readers never see an
// error, nor less than they have seen before. Going back is the same.
func TestANewVersionTakesOverUnderLoad(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for i := range 20 {
		s.add(fmt.Sprint(i), 50)
	}
	options := &projection.Options{Partitions: 2, Logger: slog.New(slog.DiscardHandler)}
	stopFirst := s.start(s.items(1, options))
	head, err := s.store.Head(t.Context())
	require.NoError(t, err)
	s.waitFor(head)

	ctx, stopLoad := context.WithCancel(t.Context())
	var working sync.WaitGroup
	var appended atomic.Int64
	appended.Store(1000)
	working.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			s.add(fmt.Sprint(i%20), 1)
			appended.Add(1)
			time.Sleep(time.Millisecond)
		}
	})
	working.Go(func() { // a reader: it never sees less than before
		seen := 0
		for ctx.Err() == nil {
			events, streams, err := s.counted(context.WithoutCancel(ctx))
			assert.NoError(t, err)
			assert.Equal(t, 20, streams)
			assert.GreaterOrEqual(t, events, seen)
			seen = events
		}
	})
	working.Go(func() { // one who reads what it has written
		for ctx.Err() == nil {
			position := s.add("0", 1)
			appended.Add(1)
			assert.NoError(t, projection.WaitFor(context.WithoutCancel(ctx), s.target, "items", position))
		}
	})

	stopSecond := s.start(s.items(2, options))
	s.eventually("version 2 is live", s.isLive(2))
	first := eventstore.ConsumerID{Name: "items", Version: 1}
	second := eventstore.ConsumerID{Name: "items", Version: 2}
	require.NoError(t, projection.Switch(t.Context(), s.target, first))
	require.True(t, s.isLive(1)())
	stopAnother := s.start(s.items(2, options)) // of the new program, as somebody has gone back
	time.Sleep(3 * time.Second)
	require.True(t, s.isLive(1)(), "it does not take over again")
	stopAnother()
	require.NoError(t, projection.Switch(t.Context(), s.target, second))
	_, err = projection.Compare(t.Context(), s.target, first, second)
	require.NoError(t, err)

	stopLoad()
	working.Wait()
	head, err = s.store.Head(t.Context())
	require.NoError(t, err)
	s.waitFor(head)
	events, _, err := s.counted(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, appended.Load(), events)
	stopFirst()
	stopSecond()
	for event, err := range s.store.ReadAll(t.Context(), 0, eventstore.Filter{Categories: []string{"order"}}) {
		require.NoError(t, err)
		require.Equal(t, 1, s.published[event.Position], "published for position %d", event.Position)
	}
}

func (s *shop) waitFor(position eventstore.Position) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	require.NoError(s.t, projection.WaitFor(ctx, s.target, "items", position))
}

// A version that nobody runs any more does not keep its successor waiting, nor does one that is paused.
func TestANewVersionTakesOverFromOneThatStandsStill(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.add("1", 10)
	require.NoError(t, s.items(1, nil).CatchUp(t.Context()))
	s.add("1", 10)
	stop := s.start(s.items(2, nil))
	defer stop()
	s.eventually("version 2 is live", s.isLive(2))
	events, _, err := s.counted(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 20, events)

	old := eventstore.ConsumerID{Name: "items", Version: 1}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err = projection.Switch(ctx, s.target, old)
	require.ErrorContains(t, err, "nobody works on it")
	require.True(t, s.isLive(2)())
	s.add("1", 1)
	s.eventually("version 2 goes on", func() bool {
		events, _, err := s.counted(t.Context())
		return err == nil && events == 21
	})

	require.NoError(t, s.target.Drop(t.Context(), old))
	var left int
	require.NoError(t, s.pool.QueryRow(t.Context(),
		"SELECT count(*)::int FROM pg_namespace WHERE nspname LIKE 'items%'").Scan(&left))
	assert.Equal(t, 1, left)
}

func TestAVersionWaitsToBeTold(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.add("1", 10)
	stopFirst := s.start(s.items(1, nil))
	defer stopFirst()
	s.eventually("version 1 is there", s.isLive(1))
	second := s.items(2, &projection.Options{SwitchWhenTold: true})
	stopSecond := s.start(second)
	defer stopSecond()
	s.eventually("version 2 has caught up", func() bool {
		progress, err := second.Progress(t.Context())
		return err == nil && progress.Handled == 10 && progress.Total == 10
	})
	require.True(t, s.isLive(1)())
	one, two := eventstore.ConsumerID{Name: "items", Version: 1}, second.ID()
	differences, err := projection.Compare(t.Context(), s.target, one, two)
	require.NoError(t, err)
	require.Len(t, differences, 1, "the new one has another column")
	assert.Equal(t, "counts", differences[0].Part)
	require.NoError(t, projection.Switch(t.Context(), s.target, two))
	require.True(t, s.isLive(2)())
}

func TestVersionedPanicsForAMistakeInTheProgram(t *testing.T) {
	inMemory := projection.New("items", nil, eventstore.Target[*memstore.Tx](memstore.NewTarget(nil)), nil)
	require.Panics(t, func() { inMemory.Versioned(2, nil) }, "the target keeps no versions")
	require.Panics(t, func() {
		projection.New("items", nil, eventstore.Target[pgx.Tx](pgstore.NewTarget(nil, nil)), nil).Versioned(0, nil)
	})
}
