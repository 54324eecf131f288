package projection_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/order"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

// guide is what the guides take for granted: a database with a store, and who writes orders. What they show is in the
// files example_guide_*_test.go, line by line, which package docstest sees to.
type guide struct {
	t      *testing.T
	url    string
	store  *pgstore.Store
	pool   *pgxpool.Pool
	target *pgstore.Target
	orders *aggregate.Repository[order.Order, order.Event]
}

func newGuide(t *testing.T) *guide {
	t.Helper()
	url := migrated.Database(t)
	store := openStore(t, url)
	pool := openPool(t, url)
	return &guide{
		t:      t,
		url:    url,
		store:  store,
		pool:   pool,
		target: pgstore.NewTarget(pool, nil),
		orders: aggregate.New[order.Order](store, order.Events, nil),
	}
}

func openStore(t *testing.T, url string) *pgstore.Store {
	t.Helper()
	store, err := pgstore.Open(t.Context(), url, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close(context.WithoutCancel(t.Context()))) })
	return store
}

func openPool(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// makeSalesTable makes the table that the projection of the guides fills.
func (g *guide) makeSalesTable() {
	g.t.Helper()
	g.exec(`CREATE TABLE sales (order_id text PRIMARY KEY, total bigint NOT NULL)`)
}

func (g *guide) exec(statements string) {
	g.t.Helper()
	_, err := g.pool.Exec(g.t.Context(), statements)
	require.NoError(g.t, err)
}

// number returns what a query of one number finds.
func (g *guide) number(query string) (number int64) {
	g.t.Helper()
	require.NoError(g.t, g.pool.QueryRow(g.t.Context(), query).Scan(&number))
	return number
}

// rows returns what a query finds, by the names of the columns.
func (g *guide) rows(query string) []map[string]any {
	g.t.Helper()
	found, err := g.pool.Query(g.t.Context(), query)
	require.NoError(g.t, err)
	all, err := pgx.CollectRows(found, pgx.RowToMap)
	require.NoError(g.t, err)
	return all
}

// checkOut has an order of one item checked out, and returns where that is.
func (g *guide) checkOut(id, item string, total int64) eventstore.Position {
	g.t.Helper()
	result, err := g.orders.Execute(g.t.Context(), id, order.AddItem{Name: item}, order.Checkout{Total: total})
	require.NoError(g.t, err)
	return result.Position
}

// start runs something until stop is called, which is when the test ends at the latest.
func (g *guide) start(run func(ctx context.Context) error) (stop func()) {
	g.t.Helper()
	ctx, cancel := context.WithCancel(g.t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(g.t, <-done)
		}
	}
	g.t.Cleanup(stop)
	return stop
}

// awaitAt waits until a version has come to a position.
func (g *guide) awaitAt(id eventstore.ConsumerID, position eventstore.Position) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	_, err := g.target.Await(ctx, id, 10*time.Millisecond, func(all []eventstore.Checkpoint) bool {
		for _, at := range all {
			if at.Position < position {
				return false
			}
		}
		return len(all) > 0
	})
	require.NoError(g.t, err)
}

func (g *guide) waitFor(position eventstore.Position) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	require.NoError(g.t, projection.WaitFor(ctx, g.target, "sales", position))
}

// quiet has a projection log nothing.
func quiet() *projection.Options {
	return &projection.Options{Logger: slog.New(slog.DiscardHandler)}
}
