package memstore

import (
	"iter"
	"maps"
)

// Table is a read model, or a part of one: rows of type V by keys of type K. Handlers change it through a [*Tx]; all
// changes of an Advance, to all tables of its target, appear at once with the checkpoint, or never. It is made by
// [NewTable].
//
// Rows are kept as they are given. A row that holds slices, maps or pointers must not be changed after it was put or
// got: put another.
//
// Get, All and Len see what was committed, are safe for concurrent use, and wait for no handler. The methods that take
// a Tx see its own changes too; they panic as [Tx] says.
type Table[K comparable, V any] struct {
	target *Target
	// rows is guarded by target.mu.
	rows map[K]V
}

// NewTable returns an empty table of the target.
func NewTable[K comparable, V any](target *Target) *Table[K, V] {
	return &Table[K, V]{target: target, rows: make(map[K]V)}
}

// Get returns the row of the key, and false where there is none.
func (t *Table[K, V]) Get(key K) (V, bool) {
	t.target.mu.RLock()
	defer t.target.mu.RUnlock()
	row, found := t.rows[key]
	return row, found
}

// Len returns the number of rows.
func (t *Table[K, V]) Len() int {
	t.target.mu.RLock()
	defer t.target.mu.RUnlock()
	return len(t.rows)
}

// All yields the rows as they were when the loop began, in no particular order. It copies the table.
func (t *Table[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		maps.All(t.copy())(yield)
	}
}

// GetTx returns the row of the key as the transaction sees it, and false where there is none.
func (t *Table[K, V]) GetTx(tx *Tx, key K) (V, bool) {
	tx.mustServe(t.target)
	if staged, found := tx.staged[t]; found {
		if change, found := staged.(*tableChanges[K, V]).byKey[key]; found {
			return change.row, !change.deleted
		}
	}
	return t.Get(key)
}

// AllTx yields the rows as the transaction saw them when the loop began, in no particular order. The loop may change
// the table. It copies the table.
func (t *Table[K, V]) AllTx(tx *Tx) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		tx.mustServe(t.target)
		rows := t.copy()
		if staged, found := tx.staged[t]; found {
			staged.(*tableChanges[K, V]).applyTo(rows)
		}
		maps.All(rows)(yield)
	}
}

// PutTx sets the row of the key.
func (t *Table[K, V]) PutTx(tx *Tx, key K, row V) {
	t.changes(tx).byKey[key] = change[V]{row: row}
}

// DeleteTx removes the row of the key, if there is one.
func (t *Table[K, V]) DeleteTx(tx *Tx, key K) {
	t.changes(tx).byKey[key] = change[V]{deleted: true}
}

func (t *Table[K, V]) copy() map[K]V {
	t.target.mu.RLock()
	defer t.target.mu.RUnlock()
	return maps.Clone(t.rows)
}

// changes returns what the transaction has staged for the table, to add to it.
func (t *Table[K, V]) changes(tx *Tx) *tableChanges[K, V] {
	tx.mustServe(t.target)
	if staged, found := tx.staged[t]; found {
		return staged.(*tableChanges[K, V])
	}
	staged := &tableChanges[K, V]{table: t, byKey: make(map[K]change[V])}
	tx.staged[t] = staged
	return staged
}

// tableChanges implements changes for a table.
type tableChanges[K comparable, V any] struct {
	table *Table[K, V]
	byKey map[K]change[V]
}

// change is the last one that a transaction made to a row. The row is zero when it was deleted.
type change[V any] struct {
	row     V
	deleted bool
}

func (c *tableChanges[K, V]) apply() { c.applyTo(c.table.rows) }

func (c *tableChanges[K, V]) applyTo(rows map[K]V) {
	for key, change := range c.byKey {
		if change.deleted {
			delete(rows, key)
		} else {
			rows[key] = change.row
		}
	}
}
