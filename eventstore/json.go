package eventstore

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// jsonSchemaVersion is the schema version of every event that JSON encodes.
const jsonSchemaVersion = 1

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
// bytes in a string that are not UTF-8 become U+FFFD.
//
// JSON panics when the category or a name is invalid, when an event is nil or a pointer, and when a type has two
// names: mistakes that the program shows when it starts.
func JSON[E any](category string, types map[string]E) Codec[E] {
	codec := &jsonCodec[E]{
		category: category,
		types:    make(map[string]reflect.Type, len(types)),
		names:    make(map[reflect.Type]string, len(types)),
	}
	if err := ValidateCategory(category); err != nil {
		panic(fmt.Sprintf("eventstore.JSON: %v", err))
	}
	for name, event := range types {
		if err := codec.add(name, reflect.TypeOf(event)); err != nil {
			panic(fmt.Sprintf("eventstore.JSON: category %q, event %q: %v", category, name, err))
		}
	}
	return codec
}

type jsonCodec[E any] struct {
	category string
	types    map[string]reflect.Type
	names    map[reflect.Type]string
}

func (c *jsonCodec[E]) add(name string, goType reflect.Type) error {
	if err := validateType(name); err != nil {
		return err
	}
	if goType == nil {
		return fmt.Errorf("%w: the event is nil", ErrInvalid)
	}
	if goType.Kind() == reflect.Pointer {
		return fmt.Errorf("%w: %s is a pointer, give the value", ErrInvalid, goType)
	}
	if other, named := c.names[goType]; named {
		return fmt.Errorf("%w: %s is named %q too", ErrInvalid, goType, other)
	}
	c.types[name] = goType
	c.names[goType] = name
	return nil
}

func (c *jsonCodec[E]) Category() string { return c.category }

func (c *jsonCodec[E]) Encode(event E) (EventData, error) {
	value := reflect.ValueOf(event)
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if !value.IsValid() {
		return EventData{}, fmt.Errorf("encode event of category %q: %w: the event is nil", c.category, ErrInvalid)
	}
	name, known := c.names[value.Type()]
	if !known {
		return EventData{}, fmt.Errorf("encode event of category %q: %w: %s is not in its codec",
			c.category, ErrInvalid, value.Type())
	}
	data, err := json.Marshal(value.Interface())
	if err != nil {
		return EventData{}, fmt.Errorf("encode event %q: %w", name, err)
	}
	return EventData{Type: name, SchemaVersion: jsonSchemaVersion, ContentType: ContentTypeJSON, Data: data}, nil
}

func (c *jsonCodec[E]) Decode(recorded RecordedEvent) ([]E, error) {
	goType, known := c.types[recorded.Type]
	if !known || recorded.SchemaVersion != jsonSchemaVersion || recorded.ContentType != ContentTypeJSON {
		return nil, fmt.Errorf("decode event %q (schema version %d, %s) at version %d of stream %q, position %d: %w to category %q",
			recorded.Type, recorded.SchemaVersion, recorded.ContentType, recorded.Version, recorded.Stream,
			recorded.Position, ErrUnknownType, c.category)
	}
	target := reflect.New(goType)
	if err := json.Unmarshal(recorded.Data, target.Interface()); err != nil {
		return nil, fmt.Errorf("decode event %q at version %d of stream %q, position %d: %w",
			recorded.Type, recorded.Version, recorded.Stream, recorded.Position, err)
	}
	event, ok := reflect.TypeAssert[E](target.Elem())
	if !ok {
		return nil, fmt.Errorf("decode event %q: %s does not belong to category %q", recorded.Type, goType, c.category)
	}
	return []E{event}, nil
}
