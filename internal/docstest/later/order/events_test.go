package order_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/later/order"
)

func TestEventsOfAllTimes(t *testing.T) {
	t.Parallel()
	socks := order.ItemAdded{Name: "Socks", Quantity: 1, Price: order.Money{Cents: 999, Currency: "EUR"}}
	for _, c := range []struct {
		eventType string
		version   int
		data      string
		want      []order.Event
	}{
		{"order.item-added", 1, `{"title":"Socks","cents":999}`, []order.Event{socks}},
		{"order.item-added", 2, `{"name":"Socks","quantity":1,"cents":999}`, []order.Event{socks}},
		{"order.item-added", 3, `{"name":"Socks","quantity":1,"price":{"cents":999,"currency":"EUR"}}`, []order.Event{socks}},
		{"order.checked-out", 1, `{"total":999}`, []order.Event{order.Placed{Total: 999}}},
		{"order.settled", 1, `{"by":"card"}`, []order.Event{order.Confirmed{}, order.Paid{By: "card"}}},
		{"order.gift-wrapped", 1, `{}`, nil},
	} {
		events, err := order.Events.Decode(eventstore.RecordedEvent{
			Type: c.eventType, SchemaVersion: c.version, ContentType: eventstore.ContentTypeJSON, Data: []byte(c.data),
		})
		require.NoError(t, err)
		assert.Equal(t, c.want, events, "%s, schema version %d", c.eventType, c.version)
	}
}

func TestTodaysItem(t *testing.T) {
	t.Parallel()
	data, err := order.Events.Encode(order.ItemAdded{Name: "Socks"})
	require.NoError(t, err)
	assert.Equal(t, 3, data.SchemaVersion)
}
