package projection_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/projection"
)

// A projection that counts the items of each order. The handler reads and writes in the transaction that also moves the
// checkpoint.
func Example() {
	ctx := context.Background()
	store := memstore.New(nil)
	defer store.Close(ctx)
	target := memstore.NewTarget(nil)
	items := memstore.NewTable[string, int](target)

	counter := projection.New("item-count", store, target, nil)
	projection.On(counter, orderEvents,
		func(_ context.Context, tx *memstore.Tx, e eventstore.Envelope[OrderEvent]) error {
			switch e.Event.(type) {
			case ItemAdded:
				count, _ := items.GetTx(tx, e.Stream.Key)
				items.PutTx(tx, e.Stream.Key, count+1)
			case CheckedOut:
			}
			return nil
		})

	mustAppend(ctx, store, "42", ItemAdded{Name: "Socks"}, ItemAdded{Name: "Hat"})
	mustAppend(ctx, store, "43", ItemAdded{Name: "Gloves"}, CheckedOut{Total: 12})
	if err := counter.CatchUp(ctx); err != nil {
		fmt.Println(err)
		return
	}

	for _, order := range []string{"42", "43"} {
		count, _ := items.Get(order)
		fmt.Println("order", order, "has", count, "items")
	}
	// Output:
	// order 42 has 2 items
	// order 43 has 1 items
}

// A service runs its projections until it is stopped. Who has appended can wait until a read model includes it.
func ExampleRun() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	store := memstore.New(nil)
	defer store.Close(context.Background())
	target := memstore.NewTarget(nil)
	totals := memstore.NewTable[string, int](target)

	sales := projection.New("sales", store, target, nil)
	projection.On(sales, orderEvents,
		func(_ context.Context, tx *memstore.Tx, e eventstore.Envelope[OrderEvent]) error {
			if out, ok := e.Event.(CheckedOut); ok {
				totals.PutTx(tx, e.Stream.Key, out.Total)
			}
			return nil
		})
	stopped := make(chan error, 1)
	go func() { stopped <- projection.Run(ctx, sales) }()

	position := mustAppend(ctx, store, "42", ItemAdded{Name: "Socks"}, CheckedOut{Total: 999})
	if err := projection.WaitFor(ctx, target, "sales", position); err != nil {
		fmt.Println(err)
		return
	}
	total, _ := totals.Get("42")
	fmt.Println("total:", total)

	stop()
	fmt.Println("stopped:", <-stopped)
	// Output:
	// total: 999
	// stopped: <nil>
}

// A projection that meets an event it cannot apply is paused right before it, says why, and goes on when it is resumed.
func Example_pause() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	store := memstore.New(nil)
	defer store.Close(context.Background())
	target := memstore.NewTarget(nil)

	errTable := errors.New("no such table: items")
	sales := projection.New("sales", store, target, &projection.Options{
		Attempts: 1,
		Logger:   slog.New(slog.DiscardHandler),
	})
	projection.On(sales, orderEvents,
		func(context.Context, *memstore.Tx, eventstore.Envelope[OrderEvent]) error { return errTable })
	stopped := make(chan error, 1)
	go func() { stopped <- projection.Run(ctx, sales) }()

	position := mustAppend(ctx, store, "42", ItemAdded{Name: "Socks"})
	err := projection.WaitFor(ctx, target, "sales", position)
	fmt.Println(errors.Is(err, eventstore.ErrPaused))
	status, err := sales.Status(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("applied up to", status.Position, "of", status.Head)
	fmt.Println(status.LastError)

	stop()
	fmt.Println("stopped:", <-stopped)
	// When the cause is removed: sales.Resume(ctx)

	// Output:
	// true
	// applied up to 0 of 1
	// event "order.item-added" at version 1 of stream "order-42", position 1: no such table: items
	// stopped: <nil>
}

func mustAppend(ctx context.Context, store eventstore.Store, order string, events ...OrderEvent) eventstore.Position {
	write := eventstore.Write{
		Stream:   eventstore.StreamID{Category: "order", Key: order},
		Expected: eventstore.AnyVersion,
	}
	for _, event := range events {
		data, err := orderEvents.Encode(event)
		if err != nil {
			log.Fatal(err)
		}
		write.Events = append(write.Events, data)
	}
	result, err := store.Append(ctx, write)
	if err != nil {
		log.Fatal(err)
	}
	return result.Position
}
