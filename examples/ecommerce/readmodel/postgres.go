package readmodel

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
)

//go:embed schema.sql
var schema string

// Of several processes that migrate at once, CREATE ... IF NOT EXISTS fails in all but one. The key is arbitrary.
const lockMigration = `SELECT pg_advisory_xact_lock(7214022);`

// The columns are in the order of the fields of Order.
const columns = `id, status, items, total_price, order_date, checkout_position, version`

const selectOrder = `SELECT ` + columns + ` FROM shop.orders WHERE id = $1`

const selectCheckedOut = `
	SELECT ` + columns + `
	FROM shop.orders
	WHERE checkout_position > 0 AND checkout_position < $1
	ORDER BY checkout_position DESC
	LIMIT $2`

const upsertOrder = `
	INSERT INTO shop.orders (` + columns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7)
	ON CONFLICT (id) DO UPDATE SET (` + columns + `) = ROW (excluded.*)`

// Postgres keeps the views in a table.
type Postgres struct {
	pool *pgxpool.Pool
}

// NewPostgres returns the read model in a database that Migrate has prepared.
func NewPostgres(pool *pgxpool.Pool) *Postgres { return &Postgres{pool: pool} }

// Migrate creates the read model's table if it is not there yet.
func Migrate(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("migrate the read model: %w", err)
	}
	// Statements that are sent as one, without arguments, are one transaction.
	_, err = conn.Exec(ctx, lockMigration+schema)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("migrate the read model: %w", err)
	}
	return nil
}

// Load implements [Table].
func (*Postgres) Load(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Order, error) {
	rows, _ := tx.Query(ctx, selectOrder, id) // collectOrder returns the error
	return collectOrder(rows, id)
}

// Save implements [Table].
func (*Postgres) Save(ctx context.Context, tx pgx.Tx, o Order) error {
	_, err := tx.Exec(ctx, upsertOrder, o.ID, o.Status, o.Items, o.TotalPrice, o.OrderDate, o.CheckoutPosition, o.Version)
	if err != nil {
		return fmt.Errorf("save the view of order %s: %w", o.ID, err)
	}
	return nil
}

// Order implements [Reader].
func (p *Postgres) Order(ctx context.Context, id uuid.UUID) (Order, error) {
	rows, _ := p.pool.Query(ctx, selectOrder, id) // collectOrder returns the error
	return collectOrder(rows, id)
}

// CheckedOut implements [Reader].
func (p *Postgres) CheckedOut(ctx context.Context, before eventstore.Position, limit int) ([]Order, error) {
	rows, _ := p.pool.Query(ctx, selectCheckedOut, before, limit) // CollectRows returns the error
	views, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Order])
	if err != nil {
		return nil, fmt.Errorf("read the views of checked-out orders: %w", err)
	}
	return views, nil
}

func collectOrder(rows pgx.Rows, id uuid.UUID) (Order, error) {
	view, err := pgx.CollectOneRow(rows, pgx.RowToStructByPos[Order])
	if errors.Is(err, pgx.ErrNoRows) {
		return Order{}, nil
	}
	if err != nil {
		return Order{}, fmt.Errorf("read the view of order %s: %w", id, err)
	}
	return view, nil
}
