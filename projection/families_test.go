package projection_test

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/projection"
)

func appliesSeveralFamilies[Tx any](b backend[Tx]) {
	p := projection.New(name, b.store, b.target, nil)
	projection.On(p, orderEvents, func(ctx context.Context, tx Tx, e eventstore.Envelope[OrderEvent]) error {
		return b.note(ctx, tx, fmt.Sprintf("%s: %+v", e.Stream, e.Event))
	})
	projection.On(p, paymentEvents, func(ctx context.Context, tx Tx, e eventstore.Envelope[PaymentEvent]) error {
		return b.note(ctx, tx, fmt.Sprintf("%s: %+v", e.Stream, e.Event))
	})

	appendEvent[OrderEvent](b, orderEvents, "1", ItemAdded{Name: "Socks"})
	appendEvent[PaymentEvent](b, paymentEvents, "1", Paid{Amount: 4})
	appendRaw(b, "customer", "customer.moved")
	appendEvent[PaymentEvent](b, paymentEvents, "2", Paid{Amount: 7})
	appendEvent[OrderEvent](b, orderEvents, "1", CheckedOut{Total: 11})
	appendRaw(b, "customer", "customer.moved")
	require.NoError(b.t, p.CatchUp(b.t.Context()))

	require.Equal(b.t, []string{
		"order-1: {Name:Socks}",
		"payment-1: {Amount:4}",
		"payment-2: {Amount:7}",
		"order-1: {Total:11}",
	}, b.notes())
	status, err := p.Status(b.t.Context())
	require.NoError(b.t, err)
	require.Equal(b.t, status.Head, status.Position, "events of other categories are passed over")
}

func letsHandlersAppend[Tx any](b backend[Tx]) {
	p := projection.New(name, b.store, b.target, nil)
	projection.On(p, orderEvents, func(ctx context.Context, _ Tx, e eventstore.Envelope[OrderEvent]) error {
		data, err := paymentEvents.Encode(Paid{Amount: int(e.Version)})
		if err != nil {
			return err
		}
		data.ID = e.ID
		_, err = b.store.Append(ctx, eventstore.Write{
			Stream:   eventstore.StreamID{Category: "payment", Key: e.Stream.Key},
			Expected: eventstore.AnyVersion,
			Events:   []eventstore.EventData{data},
		})
		return err
	})
	projection.On(p, paymentEvents, func(ctx context.Context, tx Tx, e eventstore.Envelope[PaymentEvent]) error {
		return b.note(ctx, tx, fmt.Sprintf("%+v caused by itself: %t, correlation: %t",
			e.Event, e.Metadata.CausationID == e.ID.String(), e.Metadata.CorrelationID == e.ID.String()))
	})
	stop := b.start(p)
	b.add("1", 2)
	b.wait() // for the orders, and with them for the appends of their handler
	b.wait()
	stop()
	require.Equal(b.t, []string{
		"{Amount:1} caused by itself: true, correlation: true", "{Amount:2} caused by itself: true, correlation: true",
	}, b.notes())
}

func appendEvent[E, Tx any](b backend[Tx], codec eventstore.Codec[E], key string, event E) {
	b.t.Helper()
	data, err := codec.Encode(event)
	require.NoError(b.t, err)
	appendData(b, eventstore.StreamID{Category: codec.Category(), Key: key}, data)
}

// appendRaw appends an event that no codec has made.
func appendRaw[Tx any](b backend[Tx], category, eventType string) {
	b.t.Helper()
	appendData(b, eventstore.StreamID{Category: category, Key: "1"},
		eventstore.EventData{Type: eventType, Data: []byte("{}")})
}

func appendData[Tx any](b backend[Tx], stream eventstore.StreamID, data eventstore.EventData) {
	b.t.Helper()
	_, err := b.store.Append(b.t.Context(), eventstore.Write{
		Stream:   stream,
		Expected: eventstore.AnyVersion,
		Events:   []eventstore.EventData{data},
	})
	require.NoError(b.t, err)
}
