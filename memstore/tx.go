package memstore

import "sync/atomic"

// Tx is what a handler writes to tables through, until [Target.Advance] applies it all or drops it all. It is used by
// one goroutine at a time, and not after the handler has returned: that panics, as does use with a table of another
// target.
type Tx struct {
	target *Target
	ended  atomic.Bool
	// staged has the changes of each table, by the table.
	staged map[any]changes
}

// changes are what a transaction has staged for one table.
type changes interface {
	// apply makes the changes. The caller holds Target.mu.
	apply()
}

func (tx *Tx) end() { tx.ended.Store(true) }

// mustServe panics when the transaction is not one that may use a table of the target.
func (tx *Tx) mustServe(target *Target) {
	switch {
	case tx.target != target:
		panic("memstore: the Tx is of another Target than the Table")
	case tx.ended.Load():
		panic("memstore: the Tx is used after its Advance has returned")
	}
}
