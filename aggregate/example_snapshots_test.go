package aggregate_test

import (
	"context"
	"fmt"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// Two programs share a store. The second one starts from the snapshot that the first one took.
func ExampleSnapshotOptions() {
	ctx := context.Background()
	store := memstore.New(nil)

	orders := aggregate.New[Order](store, Events, &aggregate.Options{
		Snapshots: &aggregate.SnapshotOptions{Every: 100},
	})
	for i := range 250 {
		if _, err := orders.Execute(ctx, "42", AddItem{fmt.Sprint("item ", i)}); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := orders.Close(ctx); err != nil { // before the store is closed
		fmt.Println(err)
	}

	now, err := orders.Load(ctx, "42")
	fmt.Println(len(now.State.Items), now.Version, err)

	deleted, err := store.DeleteSnapshots(ctx, eventstore.SnapshotSelection{Category: "order"})
	if err != nil || deleted > 1 {
		fmt.Println(deleted, err)
	}
	now, err = orders.Load(ctx, "42")
	fmt.Println(len(now.State.Items), now.Version, err)

	// Output:
	// 250 250 <nil>
	// 250 250 <nil>
}

// Evolve counts what it did not count before. Snapshots that were taken before are not read.
func ExampleSnapshotOptions_version() {
	store := memstore.New(nil)
	orders := aggregate.New[Order](store, Events, &aggregate.Options{
		Snapshots: &aggregate.SnapshotOptions{
			Version: 2, // 1: items that were removed counted as well
		},
	})
	now, err := orders.Load(context.Background(), "42")
	fmt.Println(now.Version, err)
	// Output: 0 <nil>
}

// A command on an order that was used lately reads nothing before it appends.
func ExampleOptions_cache() {
	ctx := context.Background()
	store := memstore.New(nil)
	orders := aggregate.New[Order](store, Events, &aggregate.Options{
		CacheBytes: 64 << 20,
		Snapshots:  &aggregate.SnapshotOptions{Every: 100},
	})
	for range 2 {
		result, err := orders.Execute(ctx, "42", AddItem{"Socks"})
		fmt.Println(result.State.Items, err)
	}
	// Output:
	// [Socks] <nil>
	// [Socks Socks] <nil>
}
