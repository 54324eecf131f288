package pgstore_test

import (
	"fmt"
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

// Each partition has the numbers of its own position, whatever the others have.
func TestStatusCountsFromEachPosition(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	pool, store := newPool(t, url), open(t, url, pgstore.Options{})
	c := consumers(t, pgstore.NewTarget(pool, nil))
	const partitions = 6
	some := eventstore.ConsumerID{Name: "some", Version: 1}
	c.define(some, partitions, "order", "$pm.checkout")
	all := eventstore.ConsumerID{Name: "all", Version: 1}
	c.define(all, partitions)
	c.define(eventstore.ConsumerID{Name: "nothing", Version: 1}, 3, "unknown")
	var positions []eventstore.Position
	for i, events := range []int{2000, 3, 5000, 4, 4000, 1, 6000, 2} {
		write := added(eventstore.StreamID{Category: []string{"order", "other", "$pm.checkout"}[i%3], Key: "1"}, events)
		result, err := store.Append(t.Context(), write)
		require.NoError(t, err)
		positions = append(positions, result.Position)
	}
	for i, at := range []eventstore.Position{positions[3], 0, positions[7], positions[5], positions[3], positions[6]} {
		c.advance(some, i, at)
		c.advance(all, partitions-1-i, at)
	}

	const naive = `
		SELECT least(count(*), 10000)::int, coalesce(extract(epoch FROM min(recorded_at)), 0)::float8
		FROM pasttense.events
		WHERE position > $1 AND CASE $2::text WHEN 'some' THEN category IN ('order', '$pm.checkout')
			WHEN 'all' THEN category NOT LIKE '$%' ELSE false END`
	rows := status(t, pool)
	require.Len(t, rows, 2*partitions+3)
	capped := 0
	for _, row := range rows {
		var behind int
		var next float64
		require.NoError(t, pool.QueryRow(t.Context(), naive, row.Position, row.Consumer).Scan(&behind, &next))
		assert.Equal(t, behind, row.EventsBehind, row)
		if behind == 0 {
			assert.Zero(t, row.SecondsBehind, row)
			continue
		}
		now := float64(time.Now().UnixMicro()) / 1e6
		assert.InDelta(t, now-next, row.SecondsBehind, 10, row)
		if behind == 10_000 {
			capped++
		}
	}
	assert.Positive(t, capped)
}

// A consumer costs one look at the events after its lowest position, however many partitions it has, and where those are
// its own no more than are counted.
func TestStatusLooksAtAnEventOnce(t *testing.T) {
	t.Parallel()
	const partitions, foreign = 32, 2000
	url := migrated.Database(t)
	pool, store := newPool(t, url), open(t, url, pgstore.Options{})
	target := pgstore.NewTarget(pool, nil)
	c := consumers(t, target)
	c.define(sales, partitions, "order")
	for i := range partitions {
		c.advance(sales, i, eventstore.Position(i))
	}
	_, err := store.Append(t.Context(), added(eventstore.StreamID{Category: "other", Key: "1"}, foreign))
	require.NoError(t, err)
	park := c.leaving(sales, 0, 1)
	for i := range 100 {
		stream := eventstore.StreamID{Category: "order", Key: fmt.Sprint(i)}
		park.Park = append(park.Park, eventstore.Parked{Stream: stream, Version: 1, Position: eventstore.Position(i + 1)})
	}
	require.NoError(t, target.Advance(t.Context(), park, nothing))
	const rounding = partitions // as a plan tells averages
	looked := func(of string) int { return rowsLookedAt(t, pool, of) }
	assert.LessOrEqual(t, looked("events"), foreign+1+rounding, "the events of others, and the head")
	assert.LessOrEqual(t, looked("parked"), 100+1+rounding)

	for range 2 {
		_, err = store.Append(t.Context(), added(order42, 6000))
		require.NoError(t, err)
	}
	assert.LessOrEqual(t, looked("events"), foreign+10_000+partitions+1+rounding, "and those that are counted, and the next of each")
}

// rowsLookedAt returns how many rows of a table a query of the view looks at.
func rowsLookedAt(t *testing.T, pool *pgxpool.Pool, table string) int {
	t.Helper()
	var plans []struct{ Plan planNode }
	const explain = "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM pasttense.consumer_status"
	require.NoError(t, pool.QueryRow(t.Context(), explain).Scan(&plans))
	require.Len(t, plans, 1)
	return plans[0].Plan.lookedAt(table)
}

type planNode struct {
	Relation string  `json:"Relation Name"`
	Loops    float64 `json:"Actual Loops"`
	Rows     float64 `json:"Actual Rows"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Plans    []planNode
}

func (n planNode) lookedAt(table string) (rows int) {
	if n.Relation == table {
		rows = int(n.Loops * (n.Rows + n.Removed))
	}
	for _, below := range n.Plans {
		rows += below.lookedAt(table)
	}
	return rows
}
