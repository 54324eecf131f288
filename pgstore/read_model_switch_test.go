package pgstore_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// Readers on several connections, with statements that they have prepared or not, see the one version or the other,
// whole, while the versions are switched.
func TestReadersSeeOneVersionWhole(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	const rows = 100
	for version := 1; version <= 2; version++ {
		shop.open(salesAt(version), createItems+`; CREATE TABLE totals (version int NOT NULL)`)
		shop.advance(salesAt(version), 10, fmt.Sprintf(
			`INSERT INTO items SELECT n, %d FROM generate_series(1, %d) AS n; INSERT INTO totals VALUES (%[1]d)`, version, rows))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var reading, ready sync.WaitGroup
	var seen [3]atomic.Int64
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec, pgx.QueryExecModeExec,
	} {
		config := shop.pool.Config().ConnConfig
		config.DefaultQueryExecMode = mode
		conn, err := pgx.ConnectConfig(t.Context(), config)
		require.NoError(t, err)
		ready.Add(1)
		reading.Go(func() {
			defer func() { assert.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
			for turn := 0; ctx.Err() == nil; turn++ {
				var count, least, most, total int
				err := conn.QueryRow(t.Context(), `SELECT count(*), coalesce(min(i.version), 0), coalesce(max(i.version), 0),
					coalesce((SELECT min(version) FROM sales.totals), 0) FROM sales.items AS i`).
					Scan(&count, &least, &most, &total)
				if !assert.NoError(t, err) || !assert.Equal(t, []int{rows, most, most}, []int{count, least, total}) {
					break
				}
				seen[most].Add(1)
				if turn == 0 {
					ready.Done()
				}
			}
		})
	}
	ready.Wait()
	for i := range 20 {
		to := 2 - i%2
		require.NoError(t, shop.Switch(t.Context(), salesAt(to)))
		before := seen[to].Load()
		require.Eventually(t, func() bool { return seen[to].Load() > before+20 || t.Failed() }, time.Minute, time.Millisecond)
	}
	stop()
	reading.Wait()
}

// A reader in a long transaction reads one version to its end. Others hardly wait meanwhile.
func TestSwitchWaitsForReaders(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	for version := 1; version <= 2; version++ {
		shop.open(salesAt(version), createItems+"; CREATE VIEW all_items AS SELECT * FROM items")
		shop.advance(salesAt(version), 10, fmt.Sprintf("INSERT INTO items VALUES (1, %d), (2, %[1]d)", version))
	}
	for _, relation := range []string{"items", "all_items"} {
		to := salesAt(2)
		if relation == "all_items" {
			to = salesAt(1)
		}
		reader := newPool(t, shop.pool.Config().ConnString())
		tx := begin(t, reader, pgx.TxOptions{})
		var before, after int
		query := "SELECT max(version) FROM sales." + relation
		require.NoError(t, tx.QueryRow(t.Context(), query).Scan(&before))

		switched := make(chan error, 1)
		go func() { switched <- shop.Switch(t.Context(), to) }()
		for range 20 {
			begun := time.Now()
			require.NoError(t, shop.pool.QueryRow(t.Context(), query).Scan(&after))
			require.Equal(t, before, after)
			require.Less(t, time.Since(begun), 2*time.Second)
		}
		require.NoError(t, tx.QueryRow(t.Context(), query).Scan(&after))
		require.Equal(t, before, after)
		require.NoError(t, tx.Commit(t.Context()))
		require.NoError(t, <-switched)
		require.NoError(t, shop.pool.QueryRow(t.Context(), query).Scan(&after))
		require.NotEqual(t, before, after)
	}
}

// Who reads for ever keeps the versions from being switched, and is not disturbed.
func TestSwitchGivesUpWhereReadersStay(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.open(salesAt(1), createItems)
	shop.open(salesAt(2), createItems)
	shop.advance(salesAt(1), 10, "INSERT INTO items VALUES (1, 1), (2, 1)")
	shop.advance(salesAt(2), 10, "")
	tx := begin(t, newPool(t, shop.pool.Config().ConnString()), pgx.TxOptions{})
	_, err := tx.Exec(t.Context(), "DECLARE reader CURSOR FOR SELECT id FROM sales.items")
	require.NoError(t, err)
	var id int
	require.NoError(t, tx.QueryRow(t.Context(), "FETCH reader").Scan(&id))

	require.ErrorContains(t, shop.Switch(t.Context(), salesAt(2)), "its tables are being read all the time")
	assert.True(t, shop.checkpoints(salesAt(1))[0].Live)
	require.NoError(t, tx.QueryRow(t.Context(), "FETCH reader").Scan(&id))
	assert.Equal(t, 2, id)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, shop.Switch(t.Context(), salesAt(2)))
}

func TestSwitchBeginsAnEpochAndLetsProceed(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.open(salesAt(1), createItems)
	shop.open(salesAt(2), createItems)
	shop.advance(salesAt(1), 10, "")
	shop.advance(salesAt(2), 10, "")
	_, err := shop.Halt(t.Context(), time.Hour, salesAt(1), salesAt(2))
	require.NoError(t, err)
	before := map[int][]eventstore.Checkpoint{1: shop.checkpoints(salesAt(1)), 2: shop.checkpoints(salesAt(2))}

	for range 2 { // the second time it does nothing
		require.NoError(t, shop.Switch(t.Context(), salesAt(2)))
		for version, checkpoints := range before {
			for i, after := range shop.checkpoints(salesAt(version)) {
				assert.Equal(t, checkpoints[i].Epoch+1, after.Epoch)
				assert.Zero(t, after.StopAt)
				assert.Equal(t, version == 2, after.Live)
			}
		}
	}
	stale := eventstore.Move{Consumer: salesAt(1), Epoch: before[1][0].Epoch, From: 10, To: 20}
	err = shop.Advance(t.Context(), stale, executing("INSERT INTO items VALUES (1, 1)"))
	require.ErrorIs(t, err, eventstore.ErrCheckpointMoved)
}

// A move under way ends in the version that it began in, before the switch.
func TestSwitchWaitsForMoves(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.open(salesAt(1), createItems)
	shop.open(salesAt(2), createItems)
	shop.advance(salesAt(2), 10, "")
	move := shop.consumers.leaving(salesAt(1), 0, 10)
	moving, proceed, moved := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		moved <- shop.Advance(t.Context(), move, func(ctx context.Context, tx pgx.Tx) error {
			close(moving)
			<-proceed
			return executing("INSERT INTO items VALUES (1, 1)")(ctx, tx)
		})
	}()
	<-moving
	switched := make(chan error, 1)
	go func() { switched <- shop.Switch(t.Context(), salesAt(2)) }()
	awaitBlocked(t, shop.pool)
	close(proceed)
	require.NoError(t, <-moved)
	require.NoError(t, <-switched)
	assert.Equal(t, "1", shop.text("SELECT count(*)::text FROM sales_v1.items"))
	assert.Equal(t, "0", shop.text("SELECT count(*)::text FROM sales.items"))
}

func TestSwitchRefuses(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.open(salesAt(1), createItems)
	require.ErrorIs(t, shop.Switch(t.Context(), salesAt(2)), eventstore.ErrInvalid, "not defined")
	require.ErrorIs(t, shop.Switch(t.Context(), salesAt(0)), eventstore.ErrInvalid, "version 0")
	shop.consumers.define(salesAt(2), 2)
	require.ErrorIs(t, shop.Switch(t.Context(), salesAt(2)), eventstore.ErrInvalid, "not prepared")
	shop.open(salesAt(2), createItems)
	shop.advance(salesAt(1), 10, "")
	require.ErrorIs(t, shop.Switch(t.Context(), salesAt(2)), eventstore.ErrCheckpointMoved)
	shop.advance(salesAt(2), 10, "")
	require.NoError(t, shop.Pause(t.Context(), shop.checkpoints(salesAt(2))[1], "broken"))
	require.ErrorIs(t, shop.Switch(t.Context(), salesAt(2)), eventstore.ErrPaused)
	require.NoError(t, shop.Resume(t.Context(), salesAt(2)))

	_, err := shop.pool.Exec(t.Context(), "CREATE SCHEMA sales_v1")
	require.NoError(t, err)
	require.ErrorIs(t, shop.Switch(t.Context(), salesAt(2)), eventstore.ErrInvalid, "the name is taken")
	assert.True(t, shop.checkpoints(salesAt(1))[0].Live)
	_, err = shop.pool.Exec(t.Context(), "DROP SCHEMA sales_v1")
	require.NoError(t, err)
	require.NoError(t, shop.Switch(t.Context(), salesAt(2)))
}

// A first version may have kept its tables where all do.
func TestSwitchFromAVersionWithoutAPlace(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.consumers.define(salesAt(1), 1)
	shop.advance(salesAt(1), 10, "CREATE TABLE public.items ()")
	shop.open(salesAt(2), createItems)
	shop.advance(salesAt(2), 10, "INSERT INTO items VALUES (1, 2)")
	require.NoError(t, shop.Switch(t.Context(), salesAt(2)))
	assert.Equal(t, "2", shop.text("SELECT version::text FROM sales.items"))
	shop.advance(salesAt(1), 20, "ALTER TABLE items ADD id int") // of public
}

// Who could read the live version can read the next one from the moment that it is live, and no more than before.
func TestSwitchKeepsPrivileges(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	const tables = createItems + `; CREATE TABLE secrets (id bigint, hint text)`
	shop.open(salesAt(1), tables)
	shop.open(salesAt(2), tables+`; CREATE TABLE totals (); CREATE VIEW latest AS SELECT * FROM items; CREATE SEQUENCE numbers`)
	reader, auditor := newRole(t, shop.pool), newRole(t, shop.pool)
	_, err := shop.pool.Exec(t.Context(), strings.NewReplacer("{reader}", reader, "{auditor}", auditor).Replace(`
		GRANT USAGE ON SCHEMA sales TO {reader}, {auditor};
		GRANT SELECT ON sales.items TO {reader};
		GRANT SELECT (hint) ON sales.secrets TO {reader};
		GRANT SELECT ON ALL TABLES IN SCHEMA sales TO {auditor} WITH GRANT OPTION`))
	require.NoError(t, err)
	require.NoError(t, shop.Switch(t.Context(), salesAt(2)))

	for _, of := range []struct {
		role, query string
		allowed     bool
	}{
		{reader, "SELECT * FROM sales.items", true},
		{reader, "SELECT hint FROM sales.secrets", true},
		{reader, "SELECT * FROM sales.secrets", false},
		{reader, "DELETE FROM sales.items", false},
		{reader, "SELECT * FROM sales.totals", false},
		{reader, "SELECT * FROM sales.latest", false},
		{auditor, "SELECT * FROM sales.secrets", true},
		{auditor, "SELECT * FROM sales.totals", true},
		{auditor, "SELECT * FROM sales.latest", true},
		{auditor, "GRANT SELECT ON sales.totals TO " + reader, true},
		{auditor, "SELECT nextval('sales.numbers')", false},
		{auditor, "CREATE TABLE sales.mine ()", false},
	} {
		_, err := shop.pool.Exec(t.Context(), "SET ROLE "+of.role+"; "+of.query+"; ")
		what := of.role + ": " + of.query
		if of.allowed {
			require.NoError(t, err, what)
		} else {
			requireDenied(t, err, what)
		}
		shop.pool.Reset()
	}
}

// newRole returns the quoted name of a role that no other test on the server has.
func newRole(t *testing.T, pool *pgxpool.Pool) string {
	t.Helper()
	role := pgx.Identifier{"role-" + uuid.NewString()}.Sanitize()
	_, err := pool.Exec(t.Context(), "CREATE ROLE "+role)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := pool.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+role+" CASCADE; DROP ROLE "+role)
		require.NoError(t, err)
	})
	return role
}
