package eventstore

import (
	"fmt"
	"reflect"
	"sync"
)

// codec is what JSON and NewCodec make.
type codec[E any] struct {
	category      string
	types         codecTypes
	byGo          map[reflect.Type]*storedType
	compressAbove int
	upcasters     int
	schema        func() string
}

// codecTypes are all types of which something is known, by the names by which they are stored.
type codecTypes map[string]*storedType

// storedType is what a codec knows of a type. It is one of the family, or there are upcasters for it, or both.
type storedType struct {
	name    string
	goType  reflect.Type // what is decoded; nil when no events are of the type today
	pointer bool         // and events are pointers to it
	byAddr  bool         // package json needs its address to find the methods of it, or of what is in it
	formats []Format     // in which it is read, and the first of them in which it is written
	steps   []Upcaster   // one for each schema version from 1 on
	version int          // one above those of steps
	dropped bool         // in all schema versions

	targets sync.Pool // of pointers to zero values
}

// target returns a pointer to a new zero value. Events that are values are copied out of it, so it can be used again.
func (t *storedType) target() any {
	if target := t.targets.Get(); target != nil {
		return target
	}
	return reflect.New(t.goType).Interface()
}

func (t *storedType) release(target any) {
	if !t.pointer {
		reflect.ValueOf(target).Elem().SetZero()
		t.targets.Put(target)
	}
}

// isCurrent reports whether the type is written today, and at that schema version.
func (t *storedType) isCurrent(schemaVersion int) bool {
	return t.goType != nil && t.version == schemaVersion
}

// highest returns the highest schema version that is known.
func (t *storedType) highest() int {
	if t.goType == nil {
		return len(t.steps)
	}
	return t.version
}

// step returns the upcaster for a schema version, nil when there is none.
func (t *storedType) step(schemaVersion int) *Upcaster {
	if schemaVersion < 1 || schemaVersion > len(t.steps) {
		return nil
	}
	return &t.steps[schemaVersion-1]
}

func (t *storedType) format(contentType string) *Format {
	for i := range t.formats {
		if t.formats[i].ContentType == contentType {
			return &t.formats[i]
		}
	}
	return nil
}

func (c *codec[E]) Category() string { return c.category }

func (c *codec[E]) Encode(event E) (EventData, error) {
	given := reflect.ValueOf(event)
	value := given
	if given.Kind() == reflect.Pointer {
		value = given.Elem()
	}
	if !value.IsValid() {
		return EventData{}, fmt.Errorf("encode event of category %q: %w: the event is nil", c.category, ErrInvalid)
	}
	t, known := c.byGo[value.Type()]
	if !known {
		return EventData{}, fmt.Errorf("encode event of category %q: %w: %s is not in its codec",
			c.category, ErrInvalid, value.Type())
	}
	data, err := t.formats[0].Marshal(t.given(given, value).Interface())
	if err != nil {
		return EventData{}, fmt.Errorf("encode event %q: %w", t.name, err)
	}
	encoded := EventData{Type: t.name, SchemaVersion: t.version, ContentType: t.formats[0].ContentType, Data: data}
	if c.compressAbove > 0 && len(data) > c.compressAbove {
		if err := compress(&encoded); err != nil {
			return EventData{}, fmt.Errorf("encode event %q: %w", t.name, err)
		}
	}
	return encoded, nil
}

// given returns what is given to a format: an event, or where it is.
func (t *storedType) given(event, value reflect.Value) reflect.Value {
	switch {
	case !t.pointer && !t.byAddr:
		return value
	case event.Kind() == reflect.Pointer:
		return event
	default:
		addressed := reflect.New(t.goType)
		addressed.Elem().Set(value)
		return addressed
	}
}

func (c *codec[E]) Decode(recorded RecordedEvent) ([]E, error) {
	t := c.types[recorded.Type]
	if t == nil || t.isCurrent(recorded.SchemaVersion) && !isCompressed(recorded.ContentType) {
		event, err := c.decodeCurrent(t, &recorded)
		if err != nil {
			return nil, undecodable(&recorded, err)
		}
		return []E{event}, nil
	}
	reading := upcasting[E]{codec: c}
	if err := reading.read(recorded, 0); err != nil {
		return nil, undecodable(&recorded, err)
	}
	return reading.events, nil
}

// undecodable says which event cannot be decoded.
func undecodable(recorded *RecordedEvent, err error) error {
	return fmt.Errorf("decode event %q (schema version %d, %s) at version %d of stream %q, position %d: %w",
		recorded.Type, recorded.SchemaVersion, recorded.ContentType, recorded.Version, recorded.Stream,
		recorded.Position, err)
}

// decodeCurrent decodes an event that is as it is stored today: t is what is known of its type, nil when nothing is.
func (c *codec[E]) decodeCurrent(t *storedType, event *RecordedEvent) (decoded E, err error) {
	if t == nil || !t.isCurrent(event.SchemaVersion) {
		return decoded, c.unknown(t, event)
	}
	format := t.format(event.ContentType)
	if format == nil {
		return decoded, fmt.Errorf("%w to category %q: its codec reads no data of content type %q",
			ErrUnknownType, c.category, event.ContentType)
	}
	target := t.target()
	if err = format.Unmarshal(event.Data, target); err == nil {
		decoded = eventIn[E](t, target)
	}
	t.release(target)
	return decoded, err
}

// eventIn returns the event that was decoded, which is an E, as its type was given as one.
func eventIn[E any](t *storedType, target any) E {
	if t.pointer {
		return target.(E)
	}
	event, _ := reflect.TypeAssert[E](reflect.ValueOf(target).Elem())
	return event
}

// unknown says in what way an event is not known.
func (c *codec[E]) unknown(t *storedType, event *RecordedEvent) error {
	if t == nil {
		return fmt.Errorf("%w to category %q: %q", ErrUnknownType, c.category, event.Type)
	}
	return fmt.Errorf("%w to category %q: %q is of schema version %d, this program knows up to %d; "+
		"deploy the version of it that knows more", ErrUnknownType, c.category, event.Type, event.SchemaVersion, t.highest())
}
