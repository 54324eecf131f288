package memstore_test

import (
	"context"
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/memstore"
)

// advance runs work in the next move of a consumer that only this test has.
func advance(t *testing.T, target *memstore.Target, work func(tx *memstore.Tx)) {
	t.Helper()
	define(t, target, "test")
	err := target.Advance(t.Context(), next(t, target, "test"),
		func(_ context.Context, tx *memstore.Tx) error {
			work(tx)
			return nil
		})
	require.NoError(t, err)
}

func TestTransactionSeesItsOwnChanges(t *testing.T) {
	target := memstore.NewTarget(nil)
	table := memstore.NewTable[string, int](target)
	advance(t, target, func(tx *memstore.Tx) {
		table.PutTx(tx, "kept", 1)
		table.PutTx(tx, "changed", 2)
		table.PutTx(tx, "deleted", 3)
	})
	before := maps.Collect(table.All())
	require.Equal(t, map[string]int{"kept": 1, "changed": 2, "deleted": 3}, before)

	after := map[string]int{"kept": 1, "changed": 20, "new": 4, "deleted, then put": 5}
	advance(t, target, func(tx *memstore.Tx) {
		assert.Equal(t, before, maps.Collect(table.AllTx(tx)))
		table.PutTx(tx, "changed", 20)
		table.DeleteTx(tx, "deleted")
		table.DeleteTx(tx, "never there")
		table.PutTx(tx, "new", 4)
		table.DeleteTx(tx, "deleted, then put")
		table.PutTx(tx, "deleted, then put", 5)
		table.PutTx(tx, "put, then deleted", 6)
		table.DeleteTx(tx, "put, then deleted")

		for key, want := range after {
			row, found := table.GetTx(tx, key)
			assert.True(t, found, key)
			assert.Equal(t, want, row, key)
		}
		for _, key := range []string{"deleted", "never there", "put, then deleted"} {
			row, found := table.GetTx(tx, key)
			assert.False(t, found, key)
			assert.Zero(t, row, key)
		}
		assert.Equal(t, after, maps.Collect(table.AllTx(tx)))
		assert.Equal(t, before, maps.Collect(table.All()))
	})
	assert.Equal(t, after, maps.Collect(table.All()))
	assert.Equal(t, len(after), table.Len())
}

func TestLoopOverTableMayChangeIt(t *testing.T) {
	target := memstore.NewTarget(nil)
	table := memstore.NewTable[int, string](target)
	advance(t, target, func(tx *memstore.Tx) {
		for n := range 10 {
			table.PutTx(tx, n, "row")
		}
	})
	advance(t, target, func(tx *memstore.Tx) {
		for n := range table.AllTx(tx) {
			table.DeleteTx(tx, n)
			table.PutTx(tx, n+100, "row")
		}
	})
	assert.Equal(t, 10, table.Len())
	for n := range table.All() {
		assert.GreaterOrEqual(t, n, 100)
		advance(t, target, func(tx *memstore.Tx) { table.DeleteTx(tx, n) })
	}
	assert.Zero(t, table.Len())
}

// A handler moves an amount from one row to another; readers must never see it in both or in neither.
func TestReadersSeeWholeTransactions(t *testing.T) {
	const transfers = 300
	target := memstore.NewTarget(nil)
	accounts := memstore.NewTable[string, int](target)
	advance(t, target, func(tx *memstore.Tx) { accounts.PutTx(tx, "a", transfers) })

	done := make(chan struct{})
	var reading sync.WaitGroup
	for range 2 {
		reading.Go(func() {
			for {
				sum := 0
				for _, amount := range accounts.All() {
					sum += amount
				}
				assert.Equal(t, transfers, sum)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range transfers {
		advance(t, target, func(tx *memstore.Tx) {
			a, _ := accounts.GetTx(tx, "a")
			b, _ := accounts.GetTx(tx, "b")
			accounts.PutTx(tx, "a", a-1)
			accounts.PutTx(tx, "b", b+1)
		})
	}
	close(done)
	reading.Wait()
}
