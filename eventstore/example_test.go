package eventstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// The events of orders, as package order would declare them.
type OrderEvent interface{ order() }

type ItemAdded struct {
	Name string `json:"name"`
}

type CheckedOut struct {
	Total int `json:"total"`
}

func (ItemAdded) order()  {}
func (CheckedOut) order() {}

var OrderEvents = eventstore.JSON("order", map[string]OrderEvent{
	"order.item-added":  ItemAdded{},
	"order.checked-out": CheckedOut{},
})

// Writing a stream and reading it, without package aggregate.
func Example() {
	ctx := context.Background()
	store := memstore.New(nil)
	order := eventstore.StreamID{Category: OrderEvents.Category(), Key: "42"}

	added, err := OrderEvents.Encode(ItemAdded{Name: "Socks"})
	if err != nil {
		fmt.Println(err)
		return
	}
	checkedOut, err := OrderEvents.Encode(CheckedOut{Total: 999})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := store.Append(ctx, eventstore.Write{
		Stream:   order,
		Expected: eventstore.NoStream,
		Events:   []eventstore.EventData{added, checkedOut},
	})
	fmt.Println("appended up to version", result.Writes[0].Version, err)

	for recorded, err := range store.ReadStream(ctx, order, eventstore.ReadOptions{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		events, err := OrderEvents.Decode(recorded)
		fmt.Printf("%s at version %d: %+v %v\n", recorded.Stream, recorded.Version, events, err)
	}

	// Output:
	// appended up to version 2 <nil>
	// order-42 at version 1: [{Name:Socks}] <nil>
	// order-42 at version 2: [{Total:999}] <nil>
}

// Of two who decide on the same version one is told to decide again.
func ExampleConflictError() {
	ctx := context.Background()
	store := memstore.New(nil)
	checkOut := func() error {
		event, err := OrderEvents.Encode(CheckedOut{Total: 999})
		if err != nil {
			return err
		}
		_, err = store.Append(ctx, eventstore.Write{
			Stream:   eventstore.StreamID{Category: "order", Key: "42"},
			Expected: eventstore.Exactly(0),
			Events:   []eventstore.EventData{event},
		})
		return err
	}
	fmt.Println(checkOut())

	err := checkOut()
	var conflict *eventstore.ConflictError
	fmt.Println(errors.As(err, &conflict), err)

	// Output:
	// <nil>
	// true conflict on stream "order-42": expected no stream, but it is at version 1
}

// An append whose events have IDs can be repeated, when its answer was lost for example.
func ExampleEventData() {
	ctx := context.Background()
	store := memstore.New(nil)
	event, err := OrderEvents.Encode(ItemAdded{Name: "Socks"})
	if err != nil {
		fmt.Println(err)
		return
	}
	event.ID = uuid.MustParse("01939b2c-7d80-7cc3-98c4-dc0c0c07398f")
	for range 2 {
		result, err := store.Append(ctx, eventstore.Write{
			Stream: eventstore.StreamID{Category: "order", Key: "42"},
			Events: []eventstore.EventData{event},
		})
		fmt.Println(result.Position, err)
	}

	// Output:
	// 1 <nil>
	// 1 <nil>
}

func ExampleJSON() {
	data, err := OrderEvents.Encode(ItemAdded{Name: "Socks"})
	fmt.Println(data.Type, string(data.Data), err)

	_, err = OrderEvents.Decode(eventstore.RecordedEvent{
		Stream:        eventstore.StreamID{Category: "order", Key: "42"},
		Version:       3,
		Position:      17,
		Type:          "order.gift-wrapped",
		SchemaVersion: 1,
		ContentType:   eventstore.ContentTypeJSON,
	})
	fmt.Println(errors.Is(err, eventstore.ErrUnknownType))

	// Output:
	// order.item-added {"name":"Socks"} <nil>
	// true
}

// Middleware sets who asks, once for everything that the request appends.
func ExampleWithMetadata() {
	ctx := eventstore.WithMetadata(context.Background(), eventstore.Metadata{
		CorrelationID: "request-7",
		Actor:         "clerk",
		Values:        map[string]string{"tenant": "north"},
	})
	store := memstore.New(nil)
	event, err := OrderEvents.Encode(ItemAdded{Name: "Socks"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := store.Append(ctx, eventstore.Write{
		Stream: eventstore.StreamID{Category: "order", Key: "42"},
		Events: []eventstore.EventData{event},
	}); err != nil {
		fmt.Println(err)
		return
	}
	for recorded, err := range store.ReadAll(ctx, 0, eventstore.Filter{}) {
		fmt.Println(recorded.Type, recorded.Metadata.Actor, recorded.Metadata.Values["tenant"], err)
	}

	// Output:
	// order.item-added clerk north <nil>
}

func ExampleParseStreamID() {
	id, err := eventstore.ParseStreamID("order-2025-42")
	fmt.Println(id.Category, id.Key, err)

	_, err = eventstore.ParseStreamID("order")
	fmt.Println(err)

	// Output:
	// order 2025-42 <nil>
	// invalid argument: stream "order" has no '-' between category and key
}

// A subscription has all events from a position on, and ends when its context does or the loop is left.
func ExampleFlatten() {
	ctx := context.Background()
	store := memstore.New(nil)
	for _, name := range []string{"Socks", "Shorts"} {
		event, err := OrderEvents.Encode(ItemAdded{Name: name})
		if err != nil {
			fmt.Println(err)
			return
		}
		if _, err := store.Append(ctx, eventstore.Write{
			Stream:   eventstore.StreamID{Category: "order", Key: "42"},
			Expected: eventstore.AnyVersion,
			Events:   []eventstore.EventData{event},
		}); err != nil {
			fmt.Println(err)
			return
		}
	}

	orders := eventstore.Filter{Categories: []string{"order"}}
	for recorded, err := range eventstore.Flatten(store.Subscribe(ctx, 0, orders)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		envelopes, err := eventstore.Open(OrderEvents, recorded)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, envelope := range envelopes {
			fmt.Println(envelope.Position, envelope.Event)
		}
		if recorded.Position == 2 {
			break
		}
	}

	// Output:
	// 1 {Socks}
	// 2 {Shorts}
}
