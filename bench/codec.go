package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

func codecs() []work {
	return []work{
		{
			name:   "decode",
			about:  "1 caller decodes an event of 200 bytes; limit: json.Unmarshal into its struct",
			unit:   "events/s",
			target: target{ratio: 0.9},
			ours:   decodeEvents(events, newEvent()),
			limit:  unmarshalEvents,
		},
		{
			name: "decode-upcast",
			about: "1 caller decodes an event of 200 bytes that is two schema versions old; " +
				"limit: the same codec decodes one as it is stored today",
			unit:   "events/s",
			target: target{ratio: 1 / 1.5},
			ours:   decodeEvents(upcast, oldEvent()),
			limit:  decodeEvents(upcast, newerEvent()),
		},
	}
}

// upcast is the codec of events whose fields have been others, twice.
var upcast = eventstore.NewCodec(category, map[string]event{itemType: itemAdded{}}, &eventstore.CodecOptions{
	Upcasters: []eventstore.Upcaster{
		eventstore.EditFields(itemType, 1, func(f *eventstore.Fields) { f.Rename("title", "name") }),
		eventstore.EditFields(itemType, 2, func(f *eventstore.Fields) {
			f.Move("cents", f, "price")
			f.Default("note", "")
		}),
	},
})

// oldEvent returns the event of newEvent as it was in the first schema version.
func oldEvent() eventstore.EventData {
	item := newItem()
	data, err := json.Marshal(map[string]any{"item_id": item.ItemID, "title": item.Name, "cents": item.Price, "note": item.Note})
	if err != nil {
		panic(err) // strings and a number
	}
	return eventstore.EventData{Type: itemType, SchemaVersion: 1, Data: data}
}

// newerEvent returns the event of newEvent in today's schema version.
func newerEvent() eventstore.EventData {
	event := newEvent()
	event.SchemaVersion = 3
	return event
}

func decodeEvents(codec eventstore.Codec[event], stored eventstore.EventData) prepare {
	return func(context.Context, *database) (side, error) {
		recorded := eventstore.RecordedEvent{
			Type: stored.Type, SchemaVersion: max(stored.SchemaVersion, 1), ContentType: eventstore.ContentTypeJSON, Data: stored.Data,
		}
		want := newItem()
		return throughput{callers: 1, amount: decodedAtOnce, call: func(context.Context) error {
			for range decodedAtOnce {
				decoded, err := codec.Decode(recorded)
				if err != nil {
					return err
				}
				if len(decoded) != 1 || decoded[0] != event(want) {
					return fmt.Errorf("decoded %v", decoded)
				}
			}
			return nil
		}}, nil
	}
}

// decodedAtOnce makes what is measured larger than the measuring.
const decodedAtOnce = 1_000

func unmarshalEvents(context.Context, *database) (side, error) {
	stored, want := newEvent(), newItem()
	return throughput{callers: 1, amount: decodedAtOnce, call: func(context.Context) error {
		for range decodedAtOnce {
			var item itemAdded
			if err := json.Unmarshal(stored.Data, &item); err != nil {
				return err
			}
			if item != want {
				return fmt.Errorf("decoded %v", item)
			}
		}
		return nil
	}}, nil
}
