package memstore_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

func Example() {
	ctx := context.Background()
	store := memstore.New(nil)
	defer store.Close(ctx)

	order := eventstore.StreamID{Category: "order", Key: "42"}
	_, err := store.Append(ctx, eventstore.Write{
		Stream:   order,
		Expected: eventstore.NoStream,
		Events: []eventstore.EventData{
			{Type: "order.item-added", Data: []byte(`{"name":"Socks"}`)},
			{Type: "order.checked-out", Data: []byte(`{}`)},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for event, err := range store.ReadStream(ctx, order, eventstore.ReadOptions{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.Version, event.Type, string(event.Data))
	}

	// Who believes that the order is new is told otherwise.
	_, err = store.Append(ctx, eventstore.Write{
		Stream: order,
		Events: []eventstore.EventData{{Type: "order.item-added", Data: []byte(`{"name":"Hat"}`)}},
	})
	fmt.Println(err)
	// Output:
	// 1 order.item-added {"name":"Socks"}
	// 2 order.checked-out {}
	// conflict on stream "order-42": expected no stream, but it is at version 2
}

// A subscription says when it has seen all there is.
func ExampleStore_Subscribe() {
	ctx := context.Background()
	store := memstore.New(nil)
	defer store.Close(ctx)
	for _, key := range []string{"41", "42"} {
		_, err := store.Append(ctx, eventstore.Write{
			Stream: eventstore.StreamID{Category: "order", Key: key},
			Events: []eventstore.EventData{{Type: "order.item-added", Data: []byte(`{"name":"Socks"}`)}},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
	}

	for batch, err := range store.Subscribe(ctx, 0, eventstore.Filter{Categories: []string{"order"}}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, event := range batch.Events {
			fmt.Println(event.Position, event.Stream, event.Type)
		}
		if batch.CaughtUp {
			fmt.Println("caught up at", batch.Through)
			break
		}
	}
	// Output:
	// 1 order-41 order.item-added
	// 2 order-42 order.item-added
	// caught up at 2
}

// Projections call Advance. Here it is called by hand, to show what a handler may do.
func ExampleTable() {
	ctx := context.Background()
	target := memstore.NewTarget(nil)
	stock := memstore.NewTable[string, int](target)

	id := eventstore.ConsumerID{Name: "stock", Version: 1}
	if err := target.Define(ctx, id, eventstore.Definition{Kind: "projection", Partitions: 1}); err != nil {
		fmt.Println(err)
		return
	}
	receive := func(from, to eventstore.Position, item string, count int) error {
		move := eventstore.Move{Consumer: id, From: from, To: to}
		return target.Advance(ctx, move, func(_ context.Context, tx *memstore.Tx) error {
			before, _ := stock.GetTx(tx, item)
			stock.PutTx(tx, item, before+count)
			return nil
		})
	}
	fmt.Println(receive(0, 1, "Socks", 10))
	fmt.Println(receive(1, 2, "Hats", 2))
	fmt.Println(receive(1, 2, "Hats", 2)) // a second process, that comes too late

	var lines []string
	for item, count := range stock.All() {
		lines = append(lines, fmt.Sprintf("%s: %d", item, count))
	}
	slices.Sort(lines)
	fmt.Println(lines)
	// Output:
	// <nil>
	// <nil>
	// move partition 0 of consumer "stock" from position 1 to 2: checkpoint was moved meanwhile: it is at 2
	// [Hats: 2 Socks: 10]
}
