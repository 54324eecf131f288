package projection_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/order"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

// partitionedSales is the projection of the guides in several partitions.
func partitionedSales(store eventstore.Store, target *pgstore.Target) *projection.Projection[pgx.Tx] {
	sales := projection.New("sales", store, target, &projection.Options{
		Partitions: 8,
		Lease:      5 * time.Second,
	})
	projection.On(sales, order.Events,
		func(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[order.Event]) error {
			out, ok := e.Event.(order.CheckedOut)
			if !ok {
				return nil
			}
			_, err := tx.Exec(ctx, `INSERT INTO sales (order_id, total) VALUES ($1, $2)`, e.Stream.Key, out.Total)
			return err
		})
	return sales
}

const (
	sqlOwners = `
SELECT consumer, version, partition, owner, state, events_behind, round(seconds_behind) AS seconds_behind, last_error
FROM pasttense.consumer_status
ORDER BY consumer, version, partition;
`
	sqlSick = `
SELECT consumer, version, partition, state, seconds_behind, last_error
FROM pasttense.consumer_status
WHERE live AND (state IN ('idle', 'paused') OR seconds_behind > 60);
`
)

func TestGuideCopies(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.makeSalesTable()
	sales := partitionedSales(g.store, g.target)
	healthy := healthOf(sales)
	require.Equal(t, http.StatusServiceUnavailable, get(t, healthy).Code, "nobody runs it")

	stopOne := g.start(sales.Run)
	stopOther := g.start(partitionedSales(g.store, g.target).Run)
	g.awaitOwners(2)
	g.waitFor(g.checkOut("42", "Socks", 999))
	require.Equal(t, http.StatusNoContent, get(t, healthy).Code)
	require.Len(t, g.rows(sqlOwners), 8)
	require.Empty(t, g.rows(sqlSick))

	stopOther() // a clean stop gives partitions back
	g.awaitOwners(1)
	require.NoError(t, repartition(t.Context(), g.target))
	require.Len(t, g.rows(sqlOwners), 16)
	g.waitFor(g.checkOut("43", "Hat", 1500))
	require.EqualValues(t, 2499, g.number("SELECT sum(total)::bigint FROM sales"))
	stopOne()
	require.Len(t, g.rows(sqlSick), 16)
}

// awaitOwners waits until all partitions have an owner, and so many members own some.
func (g *guide) awaitOwners(members int) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	_, err := g.target.Await(ctx, salesOne, 10*time.Millisecond, func(all []eventstore.Checkpoint) bool {
		owners := make(map[string]bool)
		for _, at := range all {
			owners[at.Owner] = true
		}
		return len(owners) == members && !owners[""]
	})
	require.NoError(g.t, err)
}

func repartition(ctx context.Context, target *pgstore.Target) error {
	err := projection.Repartition(ctx, target, eventstore.ConsumerID{Name: "sales"}, 16)
	return err
}

func healthOf(sales *projection.Projection[pgx.Tx]) http.HandlerFunc {
	health := func(w http.ResponseWriter, r *http.Request) {
		status, err := sales.Status(r.Context())
		if err == nil {
			err = status.Health(time.Minute)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	return health
}

func get(t *testing.T, handler http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/health", http.NoBody))
	return answer
}
