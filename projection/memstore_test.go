package projection_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/memstore"
)

func TestInMemory(t *testing.T) {
	for name, play := range scenarios[*memstore.Tx]() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { play(inMemory(t)) })
		})
	}
}

func inMemory(t *testing.T) backend[*memstore.Tx] {
	t.Helper()
	store := memstore.New(nil)
	t.Cleanup(func() { require.NoError(t, store.Close(context.Background())) })
	target := memstore.NewTarget(nil)
	list := memstore.NewTable[int, string](target)
	length := memstore.NewTable[struct{}, int](target)
	return backend[*memstore.Tx]{
		t:      t,
		store:  store,
		target: target,
		note: func(_ context.Context, tx *memstore.Tx, entry string) error {
			next, _ := length.GetTx(tx, struct{}{})
			list.PutTx(tx, next, entry)
			length.PutTx(tx, struct{}{}, next+1)
			return nil
		},
		notes: func() []string {
			var all []string
			for i := range list.Len() {
				entry, _ := list.Get(i)
				all = append(all, entry)
			}
			return all
		},
	}
}
