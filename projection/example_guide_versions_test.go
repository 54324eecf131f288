package projection_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/order"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

var (
	salesOne = eventstore.ConsumerID{Name: "sales", Version: 1}
	salesTwo = eventstore.ConsumerID{Name: "sales", Version: 2}
)

// salesV1 is the first version of the guide's read model.
func salesV1(store eventstore.Store, target *pgstore.Target) *projection.Projection[pgx.Tx] {
	sales := projection.New("sales", store, target, nil)
	sales.Versioned(1, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `CREATE TABLE totals (order_id text PRIMARY KEY, total bigint NOT NULL)`)
		return err
	})
	projection.On(sales, order.Events,
		func(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[order.Event]) error {
			out, ok := e.Event.(order.CheckedOut)
			if !ok {
				return nil
			}
			_, err := tx.Exec(ctx, `INSERT INTO totals (order_id, total) VALUES ($1, $2)`, e.Stream.Key, out.Total)
			return err
		})
	return sales
}

// salesV2 counts the items too.
func salesV2(store eventstore.Store, target *pgstore.Target) *projection.Projection[pgx.Tx] {
	sales := projection.New("sales", store, target, nil)
	sales.Versioned(2, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			CREATE TABLE totals (order_id text PRIMARY KEY, total bigint NOT NULL);
			CREATE TABLE items (name text PRIMARY KEY, ordered bigint NOT NULL)`)
		return err
	})
	projection.On(sales, order.Events,
		func(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[order.Event]) (err error) {
			switch event := e.Event.(type) {
			case order.ItemAdded:
				_, err = tx.Exec(ctx, `INSERT INTO items AS i (name, ordered) VALUES ($1, 1)
					ON CONFLICT (name) DO UPDATE SET ordered = i.ordered + 1`, event.Name)
			case order.CheckedOut:
				_, err = tx.Exec(ctx, `INSERT INTO totals (order_id, total) VALUES ($1, $2)`, e.Stream.Key, event.Total)
			}
			return err
		})
	return sales
}

func totalOf(ctx context.Context, pool *pgxpool.Pool) (total int64, err error) {
	err = pool.QueryRow(ctx, `SELECT total FROM sales.totals WHERE order_id = $1`, "42").Scan(&total)
	return total, err
}

func TestGuideVersions(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	first := salesV1(g.store, g.target)
	stopFirst := g.start(first.Run)
	position := g.checkOut("42", "Socks", 999)
	g.waitFor(position)
	total, err := totalOf(t.Context(), g.pool)
	require.NoError(t, err)
	require.EqualValues(t, 999, total)

	second := salesV2(g.store, g.target)
	stopSecond := g.start(second.Run)
	g.awaitLive(salesTwo)
	require.EqualValues(t, 1, g.number("SELECT ordered FROM sales.items"))
	require.NoError(t, tellProgress(t.Context(), second))
	require.Len(t, g.rows(sqlVersions), 2)

	require.NoError(t, rollBack(t.Context(), g.target))
	g.awaitLive(salesOne)
	require.NoError(t, projection.Switch(t.Context(), g.target, salesTwo))
	require.ErrorIs(t, dropFirst(t.Context(), g.target), eventstore.ErrOwned)
	stopFirst()
	require.NoError(t, dropFirst(t.Context(), g.target))
	stopSecond()
	require.Len(t, g.rows(sqlVersions), 1)
}

func (g *guide) awaitLive(id eventstore.ConsumerID) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	_, err := g.target.Await(ctx, id, 10*time.Millisecond, func(all []eventstore.Checkpoint) bool {
		return len(all) > 0 && all[0].Live
	})
	require.NoError(g.t, err)
}

const sqlVersions = `
SELECT consumer, version, live, partition, owner, state, handled, events_behind
FROM pasttense.consumer_status
WHERE consumer = 'sales'
ORDER BY version, partition;
`

func tellProgress(ctx context.Context, sales *projection.Projection[pgx.Tx]) error {
	progress, err := sales.Progress(ctx)
	if err != nil {
		return err
	}
	fmt.Println(progress) // 1204000 of 3100000 events, 6810/s, 4m38s left
	return nil
}

func rollBack(ctx context.Context, target *pgstore.Target) error {
	err := projection.Switch(ctx, target, eventstore.ConsumerID{Name: "sales", Version: 1})
	return err
}

func dropFirst(ctx context.Context, target *pgstore.Target) error {
	err := target.Drop(ctx, eventstore.ConsumerID{Name: "sales", Version: 1})
	return err
}

// waitingV2 is salesV2 as it waits to be told.
func waitingV2(store eventstore.Store, target *pgstore.Target) *projection.Projection[pgx.Tx] {
	sales := projection.New("sales", store, target, &projection.Options{SwitchWhenTold: true})
	sales.Versioned(2, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			CREATE TABLE totals (order_id text PRIMARY KEY, total bigint NOT NULL);
			CREATE TABLE items (name text PRIMARY KEY, ordered bigint NOT NULL)`)
		return err
	})
	projection.On(sales, order.Events,
		func(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[order.Event]) error {
			out, ok := e.Event.(order.CheckedOut)
			if !ok {
				return nil
			}
			_, err := tx.Exec(ctx, `INSERT INTO totals (order_id, total) VALUES ($1, $2)`, e.Stream.Key, out.Total/2)
			return err
		})
	return sales
}

func TestGuideCompare(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	position := g.checkOut("42", "Socks", 999)
	first, second := salesV1(g.store, g.target), waitingV2(g.store, g.target)
	g.start(func(ctx context.Context) error { return runVersions(ctx, first, second) })
	g.awaitAt(salesOne, position)
	g.awaitAt(salesTwo, position)
	differences, err := projection.Compare(t.Context(), g.target, salesOne, salesTwo)
	require.NoError(t, err)
	require.Len(t, differences, 2)
	require.Equal(t, `only "sales (version 2)" has it`, differences[0].Reason)
	require.EqualValues(t, 1, differences[1].OnlyOne)
	require.Equal(t, []string{
		`-{"order_id":"42","total":999}`,
		`+{"order_id":"42","total":499}`,
	}, differences[1].Examples)
	require.NoError(t, compareAndSwitch(t.Context(), g.target))
	g.awaitLive(salesTwo)
}

func runVersions(ctx context.Context, first, second *projection.Projection[pgx.Tx]) error {
	err := projection.Run(ctx, first, second)
	return err
}

func compareAndSwitch(ctx context.Context, target *pgstore.Target) error {
	one := eventstore.ConsumerID{Name: "sales", Version: 1}
	two := eventstore.ConsumerID{Name: "sales", Version: 2}
	differences, err := projection.Compare(ctx, target, one, two)
	if err != nil {
		return err
	}
	for _, d := range differences {
		fmt.Println(d.Part, "has", d.OnlyOne, "rows that only 1 and", d.OnlyOther, "that only 2 has", d.Reason, d.Examples)
	}
	if err := projection.Switch(ctx, target, two); err != nil {
		return err
	}
	return nil
}

// Publisher sends events to somebody else.
type Publisher interface {
	Publish(ctx context.Context, key string, total int64) error
}

// publishingSales publishes each total once, whatever versions there are.
func publishingSales(
	version int, store eventstore.Store, target *pgstore.Target, publisher Publisher,
) *projection.Projection[pgx.Tx] {
	sales := projection.New("sales", store, target, quiet())
	sales.Versioned(version, func(context.Context, pgx.Tx) error { return nil })
	projection.On(sales, order.Events,
		func(ctx context.Context, _ pgx.Tx, e eventstore.Envelope[order.Event]) error {
			out, ok := e.Event.(order.CheckedOut)
			if !ok || !projection.IsLive(ctx) {
				return nil
			}
			return publisher.Publish(ctx, e.Stream.Key, out.Total)
		})
	return sales
}

type published struct {
	mu     sync.Mutex
	totals []string
}

func (p *published) Publish(_ context.Context, key string, total int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.totals = append(p.totals, fmt.Sprint(key, ": ", total))
	return nil
}

func TestGuideIsLive(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	publisher := &published{}
	g.checkOut("42", "Socks", 999)
	require.NoError(t, publishingSales(1, g.store, g.target, publisher).CatchUp(t.Context()))
	require.NoError(t, publishingSales(2, g.store, g.target, publisher).CatchUp(t.Context()))
	require.NoError(t, projection.Switch(t.Context(), g.target, salesTwo))
	g.checkOut("43", "Hat", 1500)
	require.NoError(t, publishingSales(1, g.store, g.target, publisher).CatchUp(t.Context()))
	require.NoError(t, publishingSales(2, g.store, g.target, publisher).CatchUp(t.Context()))
	require.Equal(t, []string{"42: 999", "43: 1500"}, publisher.totals)
}

const (
	sqlMayCreate = `
CREATE ROLE sales_service LOGIN PASSWORD 'secret';
GRANT shop_consumer TO sales_service;
GRANT CREATE ON DATABASE shop TO sales_service;
`
	sqlMayRead = `
GRANT USAGE ON SCHEMA sales TO shop_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA sales TO shop_reader;
`
)

// What the guide says of roles is all that they need.
func TestGuideRoles(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	suffix := "_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	roles := &pgstore.Roles{Consumer: "shop_consumer" + suffix, Reader: "shop_reader" + suffix}
	named := strings.NewReplacer(
		"shop_consumer", roles.Consumer, "shop_reader", roles.Reader, "sales_service", "sales_service"+suffix,
		"DATABASE shop", "DATABASE "+pgx.Identifier{g.pool.Config().ConnConfig.Database}.Sanitize())
	require.NoError(t, pgstore.Migrate(t.Context(), g.url, &pgstore.MigrateOptions{Roles: roles, Logger: quiet().Logger}))
	t.Cleanup(func() { g.dropRoles(roles.Consumer, roles.Reader, "sales_service"+suffix, "operator"+suffix) })

	lacking := g.as(roles.Consumer)
	err := salesV1(openStore(t, lacking), pgstore.NewTarget(openPool(t, lacking), nil)).CatchUp(t.Context())
	var denied *pgconn.PgError
	require.ErrorAs(t, err, &denied)
	require.Contains(t, denied.Message, "permission denied for database")

	g.exec(named.Replace(sqlMayCreate))
	serviceURL := g.as("sales_service" + suffix)
	store, target := openStore(t, serviceURL), pgstore.NewTarget(openPool(t, serviceURL), nil)
	g.checkOut("42", "Socks", 999)
	require.NoError(t, salesV1(store, target).CatchUp(t.Context()))
	g.exec(named.Replace(sqlMayRead))
	second := salesV2(store, target)
	require.NoError(t, second.CatchUp(t.Context()))
	require.NoError(t, projection.Switch(t.Context(), target, salesTwo))

	operatorURL := g.as("operator" + suffix)
	g.exec("CREATE ROLE operator" + suffix + "; GRANT sales_service" + suffix + " TO operator" + suffix)
	operator := pgstore.NewTarget(openPool(t, operatorURL), nil)
	require.NoError(t, projection.Switch(t.Context(), operator, salesOne), "a member of the role may, too")
	require.NoError(t, projection.Switch(t.Context(), operator, salesTwo))

	reader := openPool(t, g.as(roles.Reader))
	total, err := totalOf(t.Context(), reader)
	require.NoError(t, err)
	require.EqualValues(t, 999, total)
	var ordered int64
	require.NoError(t, reader.QueryRow(t.Context(), "SELECT ordered FROM sales.items").Scan(&ordered), "a new table too")
	readersTarget := pgstore.NewTarget(reader, nil)
	require.NoError(t, projection.WaitFor(t.Context(), readersTarget, "sales", 1))
	require.NoError(t, target.Drop(t.Context(), salesOne))
}

// as returns a URL whose sessions have the privileges of a role.
func (g *guide) as(role string) string {
	g.t.Helper()
	u, err := url.Parse(g.url)
	require.NoError(g.t, err)
	query := u.Query()
	query.Set("role", role)
	u.RawQuery = query.Encode()
	return u.String()
}

func (g *guide) dropRoles(roles ...string) {
	ctx := context.WithoutCancel(g.t.Context())
	conn, err := pgx.Connect(ctx, g.url)
	require.NoError(g.t, err)
	defer func() { _ = conn.Close(ctx) }()
	var failed []error
	for _, role := range roles {
		name := pgx.Identifier{role}.Sanitize()
		if _, err := conn.Exec(ctx, "DROP OWNED BY "+name+" CASCADE; DROP ROLE "+name); err != nil {
			failed = append(failed, err)
		}
	}
	require.NoError(g.t, errors.Join(failed...))
}
