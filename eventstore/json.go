package eventstore

import "fmt"

// JSON returns the codec of a family whose events are stored as JSON, by package encoding/json. It names each event
// type, once:
//
//	var Events = eventstore.JSON("order", map[string]Event{
//		"order.item-added":  ItemAdded{},
//		"order.checked-out": CheckedOut{},
//	})
//
// A name is what is stored: it is never changed and never used for another type. Events are structs and are returned
// as values; a pointer to one is encoded as the value it points to. What package json does to values happens here too:
// bytes in a string that are not UTF-8 become U+FFFD. An UnmarshalJSON or UnmarshalText must not keep its receiver,
// or the address of anything in it: events are copied, and what they were decoded into is used again.
//
// It is [NewCodec] without options, which are there for events that change and for other formats, and panics as that
// does.
func JSON[E any](category string, types map[string]E) Codec[E] {
	codec, err := newCodec(category, types, CodecOptions{})
	if err != nil {
		panic(fmt.Sprintf("eventstore.JSON: %v", err))
	}
	return codec
}
