package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

func salesAt(version int) eventstore.ConsumerID {
	return eventstore.ConsumerID{Name: "sales", Version: version}
}

// shop has versions of the read model sales.
type shop struct {
	*pgstore.Target

	consumers consumersOf
	t         *testing.T
	pool      *pgxpool.Pool
}

func newShop(t *testing.T) *shop {
	t.Helper()
	return newShopOn(t, newPool(t, migrated.Database(t)))
}

func newShopOn(t *testing.T, pool *pgxpool.Pool) *shop {
	t.Helper()
	target := pgstore.NewTarget(pool, nil)
	return &shop{target, consumers(t, target), t, pool}
}

// open defines and prepares a version.
func (s *shop) open(id eventstore.ConsumerID, setUp string) {
	s.t.Helper()
	s.consumers.define(id, 2)
	require.NoError(s.t, s.Prepare(s.t.Context(), id, executing(setUp)))
}

func executing(statements string) func(context.Context, pgx.Tx) error {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, statements)
		return err
	}
}

// advance moves all partitions of a version, with work in the first move.
func (s *shop) advance(id eventstore.ConsumerID, to eventstore.Position, work string) {
	s.t.Helper()
	for partition := range s.checkpoints(id) {
		move := s.consumers.leaving(id, partition, to)
		require.NoError(s.t, s.Advance(s.t.Context(), move, executing(work)))
		work = ""
	}
}

func (s *shop) checkpoints(id eventstore.ConsumerID) []eventstore.Checkpoint {
	s.t.Helper()
	return s.consumers.checkpoints(id)
}

// text returns the one value that a query has.
func (s *shop) text(query string) (text string) {
	s.t.Helper()
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), query).Scan(&text))
	return text
}

const createItems = `CREATE TABLE items (id bigint PRIMARY KEY, version int NOT NULL)`

func TestEachVersionHasAPlaceOfItsOwn(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.open(salesAt(1), createItems)
	shop.open(salesAt(2), createItems)
	shop.advance(salesAt(1), 10, "INSERT INTO items VALUES (1, 1)")
	shop.advance(salesAt(2), 10, "INSERT INTO items VALUES (1, 2)")
	const live, beside = "SELECT version::text FROM sales.items", "SELECT version::text FROM sales_v2.items"
	assert.Equal(t, "1", shop.text(live))
	assert.Equal(t, "2", shop.text(beside))

	require.NoError(t, shop.Switch(t.Context(), salesAt(2)))
	assert.Equal(t, "2", shop.text(live))
	assert.Equal(t, "1", shop.text("SELECT version::text FROM sales_v1.items"))
	shop.advance(salesAt(1), 20, "UPDATE items SET version = 10")
	shop.advance(salesAt(2), 20, "UPDATE items SET version = 20")
	assert.Equal(t, "20", shop.text(live))
	assert.Equal(t, "10", shop.text("SELECT version::text FROM sales_v1.items"))

	require.NoError(t, shop.Switch(t.Context(), salesAt(1)))
	assert.Equal(t, "10", shop.text(live))
	assert.Equal(t, "20", shop.text(beside))
}

func TestPrepareSetsUpOnce(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.consumers.define(salesAt(1), 1)
	failure := errors.New("no")
	err := shop.Prepare(t.Context(), salesAt(1), func(context.Context, pgx.Tx) error { return failure })
	require.ErrorIs(t, err, failure)

	var runs atomic.Int32
	var starting sync.WaitGroup
	for range 8 {
		starting.Go(func() {
			other := pgstore.NewTarget(shop.pool, nil)
			assert.NoError(t, other.Prepare(t.Context(), salesAt(1), func(ctx context.Context, tx pgx.Tx) error {
				runs.Add(1)
				return executing(createItems)(ctx, tx)
			}))
		})
	}
	starting.Wait()
	assert.EqualValues(t, 1, runs.Load())
	assert.Equal(t, "0", shop.text("SELECT count(*)::text FROM sales.items"))
}

func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	_, err := shop.pool.Exec(t.Context(), "CREATE SCHEMA taken; CREATE SCHEMA beside_v2")
	require.NoError(t, err)
	for _, id := range []eventstore.ConsumerID{
		{Name: "Sales", Version: 1},
		{Name: "2sales", Version: 1},
		{Name: "sales orders", Version: 1},
		{Name: "sales-orders", Version: 1},
		{Name: "größe", Version: 1},
		{Name: strings.Repeat("s", 51), Version: 1},
		{Name: "pg_sales", Version: 1},
		{Name: "public", Version: 1},
		{Name: pgstore.DefaultSchema, Version: 1},
		{Name: "information_schema", Version: 1},
		{Name: "taken", Version: 1},
		{Name: "taken", Version: 2}, // which could be filled, but never become live
		{Name: "beside", Version: 2},
	} {
		for version := range id.Version {
			shop.consumers.define(eventstore.ConsumerID{Name: id.Name, Version: version + 1}, 1)
		}
		require.ErrorIs(t, shop.Prepare(t.Context(), id, executing("")), eventstore.ErrInvalid, id)
	}
	require.ErrorIs(t, shop.Prepare(t.Context(), salesAt(1), executing("")), eventstore.ErrInvalid, "not defined")
	require.ErrorIs(t, shop.Prepare(t.Context(), salesAt(0), executing("")), eventstore.ErrInvalid, "version 0")

	shop.consumers.define(salesAt(1), 1)
	shop.advance(salesAt(1), 10, "")
	require.ErrorIs(t, shop.Prepare(t.Context(), salesAt(1), executing("")), eventstore.ErrInvalid, "begun elsewhere")
}

// What was removed behind the target's back is not made anew: it would lack all that was handled.
func TestPrepareDoesNotReplaceALostReadModel(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.open(salesAt(1), createItems)
	_, err := shop.pool.Exec(t.Context(), "DROP SCHEMA sales CASCADE")
	require.NoError(t, err)
	require.ErrorIs(t, shop.Prepare(t.Context(), salesAt(1), executing(createItems)), eventstore.ErrInvalid)
}

// useReadModels does with read models all that there is to do.
func useReadModels(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	shop := newShopOn(t, pool)
	for version := 1; version <= 2; version++ {
		shop.open(salesAt(version), createItems)
		shop.advance(salesAt(version), 10, fmt.Sprintf("INSERT INTO items VALUES (1, %d)", version))
	}
	_, err := pool.Exec(t.Context(), "GRANT USAGE ON SCHEMA sales TO PUBLIC; GRANT SELECT ON sales.items TO PUBLIC")
	require.NoError(t, err)
	differences, err := shop.Compare(t.Context(), salesAt(1), salesAt(2))
	require.NoError(t, err)
	assert.Len(t, differences, 1)
	require.NoError(t, shop.Switch(t.Context(), salesAt(2)))
	require.NoError(t, shop.Drop(t.Context(), salesAt(1)))
	assert.Equal(t, "2", shop.text("SELECT version::text FROM sales.items"))
}
