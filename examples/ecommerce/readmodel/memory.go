package readmodel

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// Memory keeps the views in memory.
type Memory struct {
	rows *memstore.Table[uuid.UUID, Order]
}

// NewMemory returns a read model without views.
func NewMemory(target *memstore.Target) *Memory {
	return &Memory{rows: memstore.NewTable[uuid.UUID, Order](target)}
}

// Load implements [Table].
func (m *Memory) Load(_ context.Context, tx *memstore.Tx, id uuid.UUID) (Order, error) {
	view, _ := m.rows.GetTx(tx, id)
	return view, nil
}

// Save implements [Table].
func (m *Memory) Save(_ context.Context, tx *memstore.Tx, view Order) error {
	m.rows.PutTx(tx, view.ID, view)
	return nil
}

// Order implements [Reader].
func (m *Memory) Order(_ context.Context, id uuid.UUID) (Order, error) {
	view, _ := m.rows.Get(id)
	return view, nil
}

// CheckedOut implements [Reader].
func (m *Memory) CheckedOut(_ context.Context, before eventstore.Position, limit int) ([]Order, error) {
	var views []Order
	for _, view := range m.rows.All() {
		if view.CheckoutPosition > 0 && view.CheckoutPosition < before {
			views = append(views, view)
		}
	}
	slices.SortFunc(views, func(a, b Order) int { return cmp.Compare(b.CheckoutPosition, a.CheckoutPosition) })
	return views[:min(limit, len(views))], nil
}
