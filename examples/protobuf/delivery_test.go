package protobuf_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/protobuf"
	"github.com/pasttense/pasttense/memstore"
)

// sent returns an event with a map in it, whose order protobuf does not fix if it is not asked to.
func sent(t testing.TB, fields map[string]any) *protobuf.Sent {
	t.Helper()
	event := &protobuf.Sent{}
	contents, err := structpb.NewStruct(fields)
	require.NoError(t, err)
	proto.Merge(event, contents)
	return event
}

var parcel = map[string]any{"to": "Ann", "weight": 1.25, "fragile": true, "notes": []any{"ring twice", nil}}

func TestTheSameMessageAlwaysGivesTheSameBytes(t *testing.T) {
	first, err := protobuf.Events.Encode(sent(t, parcel))
	require.NoError(t, err)
	for range 100 {
		again, err := protobuf.Events.Encode(sent(t, parcel))
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}

func TestMessagesAreEvents(t *testing.T) {
	store := memstore.New(nil)
	stream := eventstore.StreamID{Category: "delivery", Key: "1"}
	delayed := &protobuf.Delayed{}
	delayed.Seconds = 90
	events := []protobuf.Event{sent(t, parcel), delayed}
	for _, event := range events {
		data, err := protobuf.Events.Encode(event)
		require.NoError(t, err)
		_, err = store.Append(t.Context(), eventstore.Write{
			Stream: stream, Expected: eventstore.AnyVersion, Events: []eventstore.EventData{data},
		})
		require.NoError(t, err)
	}
	for recorded, err := range store.ReadStream(t.Context(), stream, eventstore.ReadOptions{}) {
		require.NoError(t, err)
		decoded, err := protobuf.Events.Decode(recorded)
		require.NoError(t, err)
		require.Len(t, decoded, 1)
		want := events[recorded.Version-1]
		assert.True(t, proto.Equal(want.(proto.Message), decoded[0].(proto.Message)), "%v became %v", want, decoded[0])
	}
}

// Events that were stored as JSON before are read by protojson, which is for the same messages, and which upcasters edit.
func TestMessagesWereJSONOnce(t *testing.T) {
	codec := eventstore.NewCodec("delivery", map[string]protobuf.Event{"delivery.sent": &protobuf.Sent{}}, &eventstore.CodecOptions{
		Format: protobuf.Format,
		Reads: []eventstore.Format{{
			ContentType: eventstore.ContentTypeJSON,
			Unmarshal:   func(data []byte, event any) error { return protojson.Unmarshal(data, event.(proto.Message)) },
		}},
		Upcasters: []eventstore.Upcaster{
			eventstore.EditFields("delivery.sent", 1, func(f *eventstore.Fields) { f.Rename("receiver", "to") }),
		},
	})
	events, err := codec.Decode(eventstore.RecordedEvent{
		Type: "delivery.sent", SchemaVersion: 1, ContentType: eventstore.ContentTypeJSON, Data: []byte(`{"receiver":"Ann"}`),
	})
	require.NoError(t, err)
	assert.Equal(t, "Ann", events[0].(*protobuf.Sent).GetFields()["to"].GetStringValue())

	data, err := codec.Encode(events[0])
	require.NoError(t, err)
	assert.Equal(t, "application/protobuf", data.ContentType)
	assert.Equal(t, 2, data.SchemaVersion)
}

func FuzzDecode(f *testing.F) {
	for _, event := range []protobuf.Event{sent(f, parcel), &protobuf.Delayed{}} {
		data, err := protobuf.Events.Encode(event)
		require.NoError(f, err)
		f.Add(data.Type, data.Data)
	}
	f.Fuzz(func(t *testing.T, eventType string, data []byte) {
		events, err := protobuf.Events.Decode(eventstore.RecordedEvent{
			Type: eventType, SchemaVersion: 1, ContentType: protobuf.Format.ContentType, Data: data,
		})
		if err == nil {
			_, err := protobuf.Events.Encode(events[0])
			assert.NoError(t, err)
		}
	})
}

// Messages are appended and read as any other event.
func Example() {
	ctx := context.Background()
	store := memstore.New(nil)
	delayed := &protobuf.Delayed{}
	delayed.Seconds = 90
	data, err := protobuf.Events.Encode(delayed)
	if err != nil {
		fmt.Println(err)
		return
	}
	stream := eventstore.StreamID{Category: "delivery", Key: "1"}
	if _, err := store.Append(ctx, eventstore.Write{Stream: stream, Events: []eventstore.EventData{data}}); err != nil {
		fmt.Println(err)
		return
	}
	for recorded, err := range store.ReadStream(ctx, stream, eventstore.ReadOptions{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		events, err := protobuf.Events.Decode(recorded)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, event := range events {
			if event, ok := event.(*protobuf.Delayed); ok {
				fmt.Println(recorded.ContentType, len(recorded.Data), "bytes, delayed by", event.AsDuration().Round(time.Second))
			}
		}
	}

	// Output: application/protobuf 2 bytes, delayed by 1m30s
}
