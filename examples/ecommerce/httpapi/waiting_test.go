package httpapi_test

import (
	"context"
	"iter"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/backend"
	"github.com/pasttense/pasttense/internal/pgtest"
)

var everything = eventstore.ReadOptions{}

// watchedStore says when somebody has learnt what the store has.
type watchedStore struct {
	eventstore.Store
	asked chan struct{}
}

func (w watchedStore) Head(ctx context.Context) (eventstore.Position, error) {
	defer func() { w.asked <- struct{}{} }()
	return w.Store.Head(ctx)
}

func (w watchedStore) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		defer func() { w.asked <- struct{}{} }()
		w.Store.ReadStream(ctx, id, opts)(yield)
	}
}

func TestAQueryWaitsForThePopulator(t *testing.T) {
	onEachStill(t, func(s *shop) {
		id := uuid.NewString()
		s.add(id, socks)
		s.checkout(id)
		watched := *s.backend
		asked := make(chan struct{})
		watched.Store = watchedStore{Store: s.backend.Store, asked: asked}
		answers := make(chan answer)
		for _, path := range []string{"/v1/orders/" + id, "/v1/orders"} {
			go func() { answers <- s.through(s.copyOf(&watched, productTimeout)).get(path) }()
		}
		<-asked
		<-asked // both know what they have to wait for
		s.start(s.backend.Populator.Run)
		for range 2 {
			answered := <-answers
			assert.Equal(s, http.StatusOK, answered.status)
			assert.Contains(s, answered.body, `"CHECKED_OUT"`)
		}
	})
}

func TestAQueryDoesNotWaitForEver(t *testing.T) {
	onEachStill(t, func(s *shop) {
		id := uuid.NewString()
		s.add(id, socks)
		start := time.Now()
		for _, path := range []string{"/v1/orders/" + id, "/v1/orders"} {
			refused := s.get(path)
			refused.is(s, http.StatusServiceUnavailable, `{"message": "The read model is behind"}`)
			assert.Equal(s, "1", refused.header.Get("Retry-After"))
		}
		assert.InDelta(s, 4, time.Since(start).Seconds(), 1.5, "two seconds each")
		// What needs no read model is there.
		assert.Equal(s, http.StatusOK, s.get("/v1/orders/"+id+"/history").status)
		assert.Equal(s, http.StatusNotFound, s.order(uuid.NewString()).status)
		assert.Equal(s, http.StatusOK, s.add(id, shorts).status)
	})
}

func TestAQueryDoesNotWaitForAPausedPopulator(t *testing.T) {
	onEachStill(t, func(s *shop) {
		id := uuid.NewString()
		s.add(id, socks)
		orders := eventstore.ConsumerID{Name: "orders", Version: 1}
		require.NoError(s, s.backend.Agenda.Define(s.Context(), orders, eventstore.Definition{Partitions: 1}))
		checkpoints, err := s.backend.Agenda.Checkpoints(s.Context(), orders)
		require.NoError(s, err)
		require.NoError(s, s.backend.Agenda.Pause(s.Context(), checkpoints[0], "somebody has paused it"))
		start := time.Now()
		s.get("/v1/orders/"+id).is(s, http.StatusServiceUnavailable, `{"message": "The read model is behind"}`)
		assert.Less(s, time.Since(start), 2*time.Second)
	})
}

func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t)
	require.NoError(t, backend.Migrate(t.Context(), server.URL(), quiet))
	opened, err := backend.Postgres(t.Context(), server.URL(), quiet)
	require.NoError(t, err)
	s := newShop(t, opened)
	s.start(s.backend.Populator.Run)
	s.startCheckoutProcess()
	id := uuid.NewString()
	s.add(id, socks)
	s.get("/healthcheck").is(s, http.StatusOK, `{"status": "healthy"}`)

	require.NoError(s, server.Stop(s.Context()))
	ill := s.get("/healthcheck")
	assert.Equal(s, http.StatusServiceUnavailable, ill.status)
	assert.Regexp(s, `^\{"message":".+","status":"unhealthy"\}`, ill.body)
	for _, refused := range []answer{
		s.get("/v1/orders/" + id), s.get("/v1/orders"), s.get("/v1/orders/" + id + "/history"), s.add(id, shorts), s.checkout(id),
	} {
		refused.is(s, http.StatusServiceUnavailable, `{"message": "The service is unavailable"}`)
		assert.Equal(s, "1", refused.header.Get("Retry-After"))
	}

	require.NoError(s, server.Start(s.Context()))
	require.Eventually(s, func() bool { return s.get("/healthcheck").status == http.StatusOK },
		30*time.Second, 10*time.Millisecond)
	assert.Equal(s, http.StatusOK, s.order(id).status)
	assert.Equal(s, http.StatusOK, s.checkout(id).status)
}
