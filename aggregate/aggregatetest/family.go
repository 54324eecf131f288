package aggregatetest

import (
	"fmt"
	"reflect"

	"github.com/pasttense/pasttense/eventstore"
)

// eventTypes returns the types of the family. It ends the test when the codec does not tell them.
func (a *Aggregate[S, E]) eventTypes() []eventstore.EventType {
	a.t.Helper()
	described, ok := a.codec.Codec.(eventstore.Described)
	if !ok {
		a.t.Fatalf("the codec %T does not tell the types of its events: it must implement eventstore.Described",
			a.codec.Codec)
	}
	return described.EventTypes()
}

// madeUp returns an event of a type, with the nth of its values altered, and false when it has fewer.
func (a *Aggregate[S, E]) madeUp(eventType eventstore.EventType, altered int) (eventstore.EventData, bool, error) {
	value, some := made(eventType.Go, altered)
	event, ok := reflect.TypeAssert[E](value)
	if !ok {
		return eventstore.EventData{}, some, fmt.Errorf("%s is not of the family %s", eventType.Go, reflect.TypeFor[E]())
	}
	data, err := a.codec.Encode(event)
	return withDefaults(data), some, err
}

// named returns an event type as people know it.
func named(eventType eventstore.EventType) string {
	return fmt.Sprintf("%s (%s)", eventType.Name, eventType.Go)
}
