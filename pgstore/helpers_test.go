package pgstore_test

import (
	"iter"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

var order42 = eventstore.StreamID{Category: "order", Key: "42"}

// addedType is the type of the events that added makes.
const addedType = "order.item-added"

// added returns a write of n events that expects any version.
func added(stream eventstore.StreamID, n int) eventstore.Write {
	write := eventstore.Write{Stream: stream, Expected: eventstore.AnyVersion}
	for range n {
		write.Events = append(write.Events, eventstore.EventData{Type: addedType, Data: []byte(`{"name":"Socks"}`)})
	}
	return write
}

// expecting returns the write with another expectation.
func expecting(expected eventstore.ExpectedVersion, write eventstore.Write) eventstore.Write {
	write.Expected = expected
	return write
}

func collect(t *testing.T, events iter.Seq2[eventstore.RecordedEvent, error]) []eventstore.RecordedEvent {
	t.Helper()
	var all []eventstore.RecordedEvent
	for event, err := range events {
		require.NoError(t, err)
		all = append(all, event)
	}
	return all
}

func stream(t *testing.T, store eventstore.Store, id eventstore.StreamID) []eventstore.RecordedEvent {
	t.Helper()
	return collect(t, store.ReadStream(t.Context(), id, eventstore.ReadOptions{}))
}

// withIDs gives the write's events IDs.
func withIDs(write eventstore.Write) eventstore.Write {
	for i := range write.Events {
		write.Events[i].ID = uuid.New()
	}
	return write
}

func idsOf(writes []eventstore.Write) []uuid.UUID {
	var ids []uuid.UUID
	for _, write := range writes {
		for _, event := range write.Events {
			ids = append(ids, event.ID)
		}
	}
	return ids
}
