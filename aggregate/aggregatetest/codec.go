package aggregatetest

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// faithful is a codec that refuses to encode an event which is another when it is read back.
type faithful[E any] struct {
	eventstore.Codec[E]
}

func (c faithful[E]) Encode(event E) (eventstore.EventData, error) {
	data, err := c.Codec.Encode(event)
	if err != nil {
		return eventstore.EventData{}, err
	}
	back, err := c.Decode(c.stored(withDefaults(data))[0])
	if err != nil {
		return eventstore.EventData{}, fmt.Errorf("%T is encoded, but cannot be decoded: %w", event, err)
	}
	if len(back) == 1 && changed(event, back[0]) {
		return eventstore.EventData{}, fmt.Errorf("%T is another when it is read back (- event, + read back); "+
			"is a field not exported, or has it no stored form?\n%s",
			event, difference(describe(event), describe(back[0])))
	}
	return data, nil
}

// stored returns events as they are in the stream of a test.
func (c faithful[E]) stored(events ...eventstore.EventData) []eventstore.RecordedEvent {
	stream := &history{}
	stream.add(eventstore.StreamID{Category: c.Category(), Key: testKey}, events)
	return stream.events
}

// changed reports whether an event differs from what was read back of it. A codec that makes an event of another type,
// as it does with old events, knows what it does.
func changed(event, back any) bool {
	event, back = reflect.Indirect(reflect.ValueOf(event)).Interface(), reflect.Indirect(reflect.ValueOf(back)).Interface()
	return reflect.TypeOf(event) == reflect.TypeOf(back) && !reflect.DeepEqual(event, back) &&
		!slices.Equal(format(event), format(back))
}

// withDefaults completes an event as a store does.
func withDefaults(data eventstore.EventData) eventstore.EventData {
	if data.SchemaVersion == 0 {
		data.SchemaVersion = 1
	}
	if data.ContentType == "" {
		data.ContentType = eventstore.ContentTypeJSON
	}
	return data
}
