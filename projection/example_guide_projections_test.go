package projection_test

import (
	"context"
	"fmt"
	"maps"
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

// runSales is the first example of the guide.
func runSales(ctx context.Context, databaseURL string, store eventstore.Store) error {
	pool, err := pgxpool.New(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	target := pgstore.NewTarget(pool, nil)

	sales := projection.New("sales", store, target, nil)
	projection.On(sales, order.Events,
		func(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[order.Event]) error {
			out, ok := e.Event.(order.CheckedOut)
			if !ok {
				return nil
			}
			_, err := tx.Exec(ctx, `INSERT INTO sales (order_id, total) VALUES ($1, $2)`, e.Stream.Key, out.Total)
			return err
		})

	return projection.Run(ctx, sales) // until ctx ends; then it returns nil
}

// newSales returns the same projection, for the other examples.
func newSales(store eventstore.Store, target *pgstore.Target) *projection.Projection[pgx.Tx] {
	sales := projection.New("sales", store, target, nil)
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

func TestGuideRun(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.makeSalesTable()
	g.start(func(ctx context.Context) error { return runSales(ctx, g.url, g.store) })
	_, err := g.orders.Execute(t.Context(), "42", order.AddItem{Name: "Socks"})
	require.NoError(t, err)
	require.NoError(t, checkOutAndRead(t.Context(), g.orders, g.target, g.pool))
	require.NoError(t, checkOutAndWaitForStream(t.Context(), g.orders, g.target))
}

func checkOutAndRead(
	ctx context.Context, orders *aggregate.Repository[order.Order, order.Event], target *pgstore.Target, pool *pgxpool.Pool,
) error {
	result, err := orders.Execute(ctx, "42", order.Checkout{Total: 999})
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := projection.WaitFor(waiting, target, "sales", result.Position); err != nil {
		return err // ErrPaused, or not there in time
	}
	var total int64
	err = pool.QueryRow(ctx, `SELECT total FROM sales WHERE order_id = $1`, "42").Scan(&total)
	if err == nil && total != 999 {
		return fmt.Errorf("the total is %d", total)
	}
	return err
}

func checkOutAndWaitForStream(
	ctx context.Context, orders *aggregate.Repository[order.Order, order.Event], target *pgstore.Target,
) error {
	result, err := orders.Execute(ctx, "43", order.AddItem{Name: "Hat"}, order.Checkout{Total: 1500})
	if err != nil {
		return err
	}
	stream := eventstore.StreamID{Category: order.Events.Category(), Key: "43"}
	err = projection.WaitForStream(ctx, target, "sales", stream, result.Position)
	return err
}

func TestGuideCatchUp(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.makeSalesTable()
	position := g.checkOut("42", "Socks", 999)
	sales := newSales(g.store, g.target)
	require.NoError(t, catchUp(t.Context(), sales))
	require.EqualValues(t, 999, g.number("SELECT total FROM sales"))
	require.NoError(t, tellStatus(t.Context(), sales))
	status, err := sales.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, position, status.Position)
	require.Equal(t, eventstore.ConsumerIdle, status.State())

	require.NoError(t, beginAnew(t.Context(), g.target, g.pool))
	require.Zero(t, g.number("SELECT count(*) FROM sales"))
	require.NoError(t, catchUp(t.Context(), sales))
	require.EqualValues(t, 999, g.number("SELECT total FROM sales"))
}

func catchUp(ctx context.Context, sales *projection.Projection[pgx.Tx]) error {
	if err := sales.CatchUp(ctx); err != nil {
		return err
	}
	return nil
}

func tellStatus(ctx context.Context, sales *projection.Projection[pgx.Tx]) error {
	status, err := sales.Status(ctx)
	if err != nil {
		return err
	}
	fmt.Println(status.State(), "and", status.EventsBehind, "events or", status.Behind, "behind")
	for _, at := range status.Partitions {
		fmt.Println("partition", at.Partition, "is at", at.Position, "in the hands of", at.Owner)
	}
	return nil
}

func beginAnew(ctx context.Context, target *pgstore.Target, pool *pgxpool.Pool) error {
	if err := target.Forget(ctx, eventstore.ConsumerID{Name: "sales", Version: 1}); err != nil {
		return err // ErrOwned while a process runs it
	}
	_, err := pool.Exec(ctx, `TRUNCATE sales`)
	return err
}

func TestGuideInline(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.makeSalesTable()
	g.checkOut("41", "Hat", 1500)
	sales := newSales(g.store, g.target)
	require.NoError(t, sales.CatchUp(t.Context()))
	total, err := checkOutInline(t.Context(), g.store, sales, g.pool)
	require.NoError(t, err)
	require.EqualValues(t, 1500+999, total)
}

func checkOutInline(
	ctx context.Context, store *pgstore.Store, sales *projection.Projection[pgx.Tx], pool *pgxpool.Pool,
) (total int64, err error) {
	inline := projection.Inline(store, sales) // store is a *pgstore.Store
	orders := aggregate.New[order.Order](inline, order.Events, nil)

	if _, err := orders.Execute(ctx, "42", order.AddItem{Name: "Socks"}, order.Checkout{Total: 999}); err != nil {
		return 0, err
	}
	err = pool.QueryRow(ctx, `SELECT sum(total)::bigint FROM sales`).Scan(&total) // includes it
	return total, err
}

func TestGuideView(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.makeSalesTable()
	g.checkOut("42", "Socks", 999)
	sales, bestsellers := newSales(g.store, g.target), newBestsellers(g.store)
	g.start(func(ctx context.Context) error { return runBoth(ctx, sales, bestsellers) })
	position := g.checkOut("43", "Socks", 999)
	sold, err := ask(t.Context(), bestsellers, position)
	require.NoError(t, err)
	require.Equal(t, 2, sold)
}

// Bestsellers says how often each item was put into an order.
type Bestsellers struct{ Sold map[string]int }

func newBestsellers(store eventstore.Store) *projection.View[Bestsellers] {
	bestsellers := projection.NewView("bestsellers", store, &Bestsellers{Sold: make(map[string]int)}, nil)
	projection.Fold(bestsellers, order.Events, func(b *Bestsellers, e eventstore.Envelope[order.Event]) error {
		if added, ok := e.Event.(order.ItemAdded); ok {
			b.Sold[added.Name]++
		}
		return nil
	})
	return bestsellers
}

func runBoth(ctx context.Context, sales *projection.Projection[pgx.Tx], bestsellers *projection.View[Bestsellers]) error {
	err := projection.Run(ctx, sales, bestsellers)
	return err
}

func ask(
	ctx context.Context, bestsellers *projection.View[Bestsellers], position eventstore.Position,
) (sold int, err error) {
	err = bestsellers.QueryAt(ctx, position, func(b *Bestsellers) { sold = b.Sold["Socks"] })
	return sold, err
}

// Bulk is what handlers of a SearchTarget write to.
type Bulk struct{ Documents map[string]string }

// Index is the client of the search engine.
type Index interface {
	Send(ctx context.Context, bulk *Bulk) error
}

// SearchTarget fills an index, and keeps its checkpoints in Postgres.
type SearchTarget struct {
	*pgstore.Target
	Index Index
}

var _ eventstore.Target[*Bulk] = SearchTarget{}

func (t SearchTarget) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, bulk *Bulk) error,
) error {
	if work == nil { // only the checkpoint moves
		return t.Target.Advance(ctx, move, nil)
	}
	return t.Target.Advance(ctx, move, func(ctx context.Context, _ pgx.Tx) error {
		bulk := &Bulk{Documents: make(map[string]string)}
		if err := work(ctx, bulk); err != nil {
			return err
		}
		return t.Index.Send(ctx, bulk)
	})
}

// memoryIndex stands for a search engine.
type memoryIndex map[string]string

func (i memoryIndex) Send(_ context.Context, bulk *Bulk) error {
	maps.Copy(i, bulk.Documents)
	return nil
}

func newSearch(store eventstore.Store, target *pgstore.Target, index Index) *projection.Projection[*Bulk] {
	search := projection.New("search", store, SearchTarget{Target: target, Index: index}, nil)
	projection.On(search, order.Events,
		func(_ context.Context, bulk *Bulk, e eventstore.Envelope[order.Event]) error {
			if added, ok := e.Event.(order.ItemAdded); ok {
				bulk.Documents[fmt.Sprintf("%s/%d", e.Stream, e.Version)] = added.Name
			}
			return nil
		})
	return search
}

func TestGuideTarget(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	g.checkOut("42", "Socks", 999)
	index := memoryIndex{}
	require.NoError(t, newSearch(g.store, g.target, index).CatchUp(t.Context()))
	require.Equal(t, memoryIndex{"order-42/1": "Socks"}, index)
}
