package pgstore_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// statusRow is a row of the view consumer_status.
type statusRow struct {
	Consumer      string
	Version       int
	Kind          string
	Live          bool
	Partition     int
	Partitions    int
	Owner         *string
	Position      int64
	Handled       int64
	Head          int64
	EventsBehind  int
	SecondsBehind float64
	State         string
	Parked        int
	LastError     *string
	UpdatedAt     time.Time
}

func status(t *testing.T, pool *pgxpool.Pool) []statusRow {
	t.Helper()
	rows, err := pool.Query(t.Context(), "SELECT * FROM pasttense.consumer_status ORDER BY consumer, version, partition")
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[statusRow])
	require.NoError(t, err)
	return all
}

func TestStatus(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	pool, store := newPool(t, url), open(t, url, pgstore.Options{})
	target := pgstore.NewTarget(pool, nil)
	c := consumers(t, target)
	c.define(sales, 2, "order", "$pm.checkout")
	all := eventstore.ConsumerID{Name: "all", Version: 1}
	c.define(all, 1)
	require.Empty(t, c.checkpoints(eventstore.ConsumerID{Name: "other", Version: 1}))
	before := status(t, pool)
	require.Len(t, before, 3)
	assert.Zero(t, before[0].Head)
	assert.Zero(t, before[0].SecondsBehind)

	append3 := func(category string) eventstore.Position {
		result, err := store.Append(t.Context(), added(eventstore.StreamID{Category: category, Key: "1"}, 3))
		require.NoError(t, err)
		return result.Position
	}
	orders := append3("order")
	append3("customer")
	head := append3("$pm.checkout")
	c.give(sales, "member", time.Hour)
	c.advance(sales, 1, orders)

	rows := status(t, pool)
	require.Len(t, rows, 3)
	whole, first, second := rows[0], rows[1], rows[2]
	assert.Equal(t, "all", whole.Consumer)
	assert.Equal(t, 6, whole.EventsBehind, "categories of the library count only by name")
	assert.Equal(t, "idle", whole.State)
	assert.Nil(t, whole.Owner)
	assert.EqualValues(t, head, first.Head)
	assert.Equal(t, 6, first.EventsBehind)
	assert.Positive(t, first.SecondsBehind)
	assert.Equal(t, "running", first.State)
	assert.Equal(t, "member", *first.Owner)
	assert.Equal(t, 2, first.Partitions)
	assert.Equal(t, 1, second.Partition)
	assert.Equal(t, 3, second.EventsBehind)
	assert.EqualValues(t, orders, second.Position)
	assert.True(t, second.Live)
	assert.Equal(t, "projection", second.Kind)
	assert.Nil(t, second.LastError)

	skip := c.leaving(sales, 0, orders)
	skip.Skip = []eventstore.Skipped{{Stream: order42, Version: 1, Position: 1, Type: addedType, Reason: "skipped"}}
	require.NoError(t, target.Advance(t.Context(), skip, nothing))
	assert.Equal(t, "skipped", *status(t, pool)[1].LastError)
	park := c.leaving(sales, 0, head)
	park.Park = []eventstore.Parked{{Stream: order42, Version: 2, Position: 2, Type: addedType, Reason: "parked"}}
	require.NoError(t, target.Advance(t.Context(), park, nothing))
	require.NoError(t, target.Pause(t.Context(), c.checkpoints(sales)[1], "paused"))
	_, err := target.Halt(t.Context(), time.Hour, sales)
	require.NoError(t, err)

	rows = status(t, pool)
	first, second = rows[1], rows[2]
	assert.Equal(t, "stopping", first.State)
	assert.Equal(t, 1, first.Parked)
	assert.Equal(t, "parked", *first.LastError)
	assert.Zero(t, first.EventsBehind)
	assert.Zero(t, first.SecondsBehind)
	assert.Equal(t, "paused", second.State)
	assert.Equal(t, "paused", *second.LastError)
}

func TestStatusCountsNoMoreEventsThanItNeeds(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	pool, store := newPool(t, url), open(t, url, pgstore.Options{})
	consumers(t, pgstore.NewTarget(pool, nil)).define(sales, 1)
	for range 2 {
		_, err := store.Append(t.Context(), added(order42, 6000))
		require.NoError(t, err)
	}
	assert.Equal(t, 10_000, status(t, pool)[0].EventsBehind)
}
