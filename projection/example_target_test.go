package projection_test

import (
	"context"
	"fmt"
	"maps"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/projection"
)

// index stands for a search engine: documents by ID, written in bulk.
type index map[string]string

// bulk is what handlers of an IndexTarget collect changes in.
type bulk struct{ documents map[string]string }

func (b *bulk) Set(id, text string) { b.documents[id] = text }

func (i index) Send(_ context.Context, b *bulk) error {
	maps.Copy(i, b.documents)
	return nil
}

// IndexTarget fills an index, and keeps its checkpoints in another target.
//
// The index gets each event at least once: when the process dies between Send and the commit of the checkpoint, the
// events are applied again. While one process sends, the transaction keeps others from it.
type IndexTarget struct {
	*memstore.Target // in real life that of pgstore
	index            index
}

var _ eventstore.Target[*bulk] = IndexTarget{}

// Advance implements [eventstore.Target].
func (t IndexTarget) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx *bulk) error,
) error {
	if work == nil { // only the checkpoint moves
		return t.Target.Advance(ctx, move, nil)
	}
	return t.Target.Advance(ctx, move, func(ctx context.Context, _ *memstore.Tx) error {
		changes := &bulk{documents: make(map[string]string)}
		if err := work(ctx, changes); err != nil {
			return err
		}
		return t.index.Send(ctx, changes)
	})
}

// A target for a system that takes no part in the transaction of the checkpoint. The handler sets documents to what
// they must be, so that it does not matter when that is done twice.
func Example_searchIndex() {
	ctx := context.Background()
	store := memstore.New(nil)
	defer store.Close(ctx)
	target := IndexTarget{Target: memstore.NewTarget(nil), index: make(index)}

	search := projection.New("item-search", store, target, nil)
	projection.On(search, orderEvents,
		func(_ context.Context, tx *bulk, e eventstore.Envelope[OrderEvent]) error {
			if added, ok := e.Event.(ItemAdded); ok {
				tx.Set(fmt.Sprint(e.Stream, "/", e.Version), added.Name)
			}
			return nil
		})

	mustAppend(ctx, store, "42", ItemAdded{Name: "Socks"}, ItemAdded{Name: "Hat"})
	if err := search.CatchUp(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(target.index["order-42/1"])
	fmt.Println(target.index["order-42/2"])
	// Output:
	// Socks
	// Hat
}
