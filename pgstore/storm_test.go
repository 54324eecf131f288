package pgstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// TestStorm is what subscriptions are for: 32 writers that pause and roll back at random, another process that tails the
// store, and an unrelated transaction that stays open all the time. Nothing is missed, doubled or out of order.
func TestStorm(t *testing.T) {
	t.Parallel()
	t.Run("pauses and rollbacks", func(t *testing.T) {
		t.Parallel()
		newStorm(t).run(func(context.Context) {})
	})
	t.Run("with backends terminated at random", func(t *testing.T) {
		t.Parallel()
		storm := newStorm(t)
		storm.run(storm.terminate)
	})
}

const (
	stormWriters = 32
	stormAppends = 40 // of each writer
)

type storm struct {
	t      *testing.T
	url    string
	seed   uint64
	store  *pgstore.Store
	tailer *pgstore.Store
	pool   *pgxpool.Pool

	mu           sync.Mutex
	acknowledged map[uuid.UUID]bool
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	url := migrated.Database(t)
	config, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	config.MaxConns = stormWriters
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s := &storm{
		t: t, url: url, seed: rand.Uint64(), store: open(t, url, pgstore.Options{}),
		tailer: open(t, url, pgstore.Options{PollInterval: time.Second}), pool: pool, acknowledged: make(map[uuid.UUID]bool),
	}
	t.Logf("seed %d", s.seed)
	return s
}

func (s *storm) run(disturb func(ctx context.Context)) {
	unrelated, err := openUnrelated(s.t.Context(), newPool(s.t, s.url))
	require.NoError(s.t, err)
	defer func() { _ = unrelated.Rollback(context.WithoutCancel(s.t.Context())) }()

	writing, stop := context.WithCancel(s.t.Context())
	var seen []eventstore.RecordedEvent
	var disturber, tail sync.WaitGroup
	disturber.Go(func() { disturb(writing) })
	last := withIDs(added(order42, 1))
	tail.Go(func() { seen = s.tail(last.Events[0].ID) })
	var writers sync.WaitGroup
	for i := range stormWriters {
		writers.Go(func() { s.write(rand.New(rand.NewPCG(s.seed, uint64(i)))) })
	}
	writers.Wait()
	stop()
	disturber.Wait()
	s.append([]eventstore.Write{last})
	tail.Wait()
	s.check(seen)
}

// write appends in all ways there are, each until its outcome is known.
func (s *storm) write(random *rand.Rand) {
	for range stormAppends {
		writes := []eventstore.Write{withIDs(added(s.stream(random), 1+random.IntN(3)))}
		if other := s.stream(random); other != writes[0].Stream && random.IntN(4) == 0 {
			writes = append(writes, withIDs(added(other, 1)))
		}
		if random.IntN(2) == 0 {
			s.append(writes)
		} else {
			s.appendTx(random, writes)
		}
	}
}

func (s *storm) stream(random *rand.Rand) eventstore.StreamID {
	return eventstore.StreamID{Category: "order", Key: fmt.Sprint(random.IntN(20))}
}

func (s *storm) append(writes []eventstore.Write) {
	for s.t.Context().Err() == nil {
		if _, err := s.store.Append(s.t.Context(), writes...); err == nil {
			s.acknowledge(writes)
			return
		}
	}
}

// appendTx gives up when it fails: its commit may have happened or not.
func (s *storm) appendTx(random *rand.Rand, writes []eventstore.Write) {
	ctx := s.t.Context()
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := s.store.AppendTx(ctx, tx, writes...); err != nil {
		return
	}
	time.Sleep(time.Duration(random.IntN(10)) * time.Millisecond) // held open: the disturbance that is tested
	if random.IntN(3) > 0 && tx.Commit(ctx) == nil {
		s.acknowledge(writes)
	}
}

func (s *storm) acknowledge(writes []eventstore.Write) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range idsOf(writes) {
		s.acknowledged[id] = true
	}
}

// tail subscribes, again from where it was when its connection breaks, until it has seen the last event.
func (s *storm) tail(last uuid.UUID) []eventstore.RecordedEvent {
	var seen []eventstore.RecordedEvent
	var through eventstore.Position
	for s.t.Context().Err() == nil {
		for batch, err := range s.tailer.Subscribe(s.t.Context(), through, eventstore.Filter{}) {
			if err != nil {
				break
			}
			seen = append(seen, batch.Events...)
			through = batch.Through
			if n := len(batch.Events); n > 0 && batch.Events[n-1].ID == last {
				return seen
			}
		}
	}
	return seen
}

func (s *storm) terminate(ctx context.Context) {
	conn, err := pgx.Connect(s.t.Context(), s.url)
	if !assert.NoError(s.t, err) {
		return
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	const terminate = `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
			AND (SELECT count(*) FROM pg_locks AS l WHERE l.pid = pg_stat_activity.pid AND classid = 1) = 0
		ORDER BY random() LIMIT 1`
	for {
		select {
		case <-ticker.C:
			_, err := conn.Exec(s.t.Context(), terminate)
			assert.NoError(s.t, err)
		case <-ctx.Done():
			return
		}
	}
}

// check compares what the tail has seen with the table, and the table with what was acknowledged.
func (s *storm) check(seen []eventstore.RecordedEvent) {
	s.t.Helper()
	rows, err := newPool(s.t, s.url).Query(s.t.Context(), "SELECT event_id FROM pasttense.events ORDER BY position")
	require.NoError(s.t, err)
	recorded, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(s.t, err)
	tailed := make([]uuid.UUID, len(seen))
	versions := make(map[eventstore.StreamID]eventstore.Version)
	for i, event := range seen {
		tailed[i] = event.ID
		require.Equal(s.t, versions[event.Stream]+1, event.Version, "versions have no holes")
		versions[event.Stream]++
		delete(s.acknowledged, event.ID)
	}
	require.Equal(s.t, recorded, tailed, "each event was seen once, in order")
	require.Empty(s.t, s.acknowledged, "what was acknowledged is there")
	s.t.Logf("%d events", len(seen))
}
