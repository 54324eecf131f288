package eventstore

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
)

// CodecOptions say how events are stored, and how those are read that were stored otherwise. The zero value is JSON as
// it is.
type CodecOptions struct {
	// Format is how events are stored. The zero value is JSON.
	Format Format
	// Formats is, by event type, how those events are stored that are not stored in Format.
	Formats map[string]Format
	// Reads are formats in which events were stored in the past. Of each type its own, Format and JSON are read in any
	// case; the first of a content type counts.
	Reads []Format
	// CompressAbove is the size in bytes above which data is stored compressed, by gzip, when that makes it smaller: its
	// content type then ends in "+gzip". 0 stands for never. Compressed data is read in any case, up to MaxDataBytes when
	// it is expanded, and an append that is repeated may have the same data with and without.
	CompressAbove int
	// Upcasters make of old events what is stored today. The schema version of a type is one above the highest that there
	// is an upcaster for; each below it must have one.
	Upcasters []Upcaster
}

// NewCodec returns the codec of a family that knows how its events were stored in the past and are stored today. It
// names each event type as [JSON] does, and without options it is the same:
//
//	var Events = eventstore.NewCodec("order", map[string]Event{
//		"order.item-added": ItemAdded{},
//	}, &eventstore.CodecOptions{Upcasters: []eventstore.Upcaster{
//		eventstore.EditFields("order.item-added", 1, func(f *eventstore.Fields) { f.Rename("title", "name") }),
//	}})
//
// A type may be given as a pointer where only the pointer is of the family, as with protobuf messages: then events are
// always pointers, and must not be changed.
//
// An event of a schema version above the one that the codec writes was stored by a newer program. It is an error
// wrapping [ErrUnknownType], as one of an unknown type or content type is. Other errors are those of formats and
// upcasters. They all say where the event is.
//
// It implements [Described]. NewCodec panics when the category or a name is invalid, when an event is nil, or a pointer
// where the value is of the family too, when a type has two names, when a format lacks something or a type cannot be in
// it, and when upcasters contradict each other or lead nowhere: mistakes that the program shows when it starts.
func NewCodec[E any](category string, types map[string]E, opts *CodecOptions) Codec[E] {
	if opts == nil {
		opts = &CodecOptions{}
	}
	codec, err := newCodec(category, types, *opts)
	if err != nil {
		panic(fmt.Sprintf("eventstore.NewCodec: %v", err))
	}
	return codec
}

func newCodec[E any](category string, types map[string]E, opts CodecOptions) (*codec[E], error) {
	if err := ValidateCategory(category); err != nil {
		return nil, err
	}
	c := &codec[E]{
		category:      category,
		types:         make(codecTypes, len(types)),
		byGo:          make(map[reflect.Type]*storedType, len(types)),
		compressAbove: opts.CompressAbove,
		upcasters:     len(opts.Upcasters),
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if err := c.add(name, reflect.TypeOf(types[name]), opts); err != nil {
			return nil, fmt.Errorf("category %q, event %q: %w", category, name, err)
		}
	}
	if err := c.addUpcasters(opts); err != nil {
		return nil, fmt.Errorf("category %q: %w", category, err)
	}
	c.schema = sync.OnceValue(c.fingerprint)
	return c, nil
}

func (c *codec[E]) addUpcasters(opts CodecOptions) error {
	if opts.CompressAbove < 0 {
		return fmt.Errorf("%w: CompressAbove is %d", ErrInvalid, opts.CompressAbove)
	}
	for name := range opts.Formats {
		if c.types[name] == nil {
			return fmt.Errorf("%w: a format is given for %q, which is no event of the family", ErrInvalid, name)
		}
	}
	return c.types.addUpcasters(opts.Upcasters)
}

// add adds a type as it is given: by value, or by a pointer.
func (c *codec[E]) add(name string, given reflect.Type, opts CodecOptions) error {
	if err := validateType(name); err != nil {
		return err
	}
	if given == nil {
		return fmt.Errorf("%w: the event is nil", ErrInvalid)
	}
	t := &storedType{name: name, goType: given, version: 1}
	if given.Kind() == reflect.Pointer {
		t.goType, t.pointer = given.Elem(), true
		if isOf[E](t.goType) {
			return fmt.Errorf("%w: %s is a pointer, give the value", ErrInvalid, given)
		}
	}
	if other, named := c.byGo[t.goType]; named {
		return fmt.Errorf("%w: %s is named %q too", ErrInvalid, given, other.name)
	}
	if err := t.setFormats(opts); err != nil {
		return err
	}
	c.types[name] = t
	c.byGo[t.goType] = t
	return nil
}

// isOf reports whether values of a type are events of the family.
func isOf[E any](goType reflect.Type) bool { return goType.AssignableTo(reflect.TypeFor[E]()) }

func (t *storedType) setFormats(opts CodecOptions) error {
	own, given := opts.Formats[t.name]
	if !given {
		own = opts.Format
	}
	own = own.orJSON()
	if err := own.validate(true); err != nil {
		return err
	}
	if own.check != nil {
		if err := own.check(t.goType); err != nil {
			return err
		}
	}
	t.byAddr = own.byAddr != nil && own.byAddr(t.goType)
	t.formats = []Format{own}
	for _, format := range append(slices.Concat([]Format{opts.Format}, opts.Reads), jsonFormat) {
		format = format.orJSON()
		if err := format.validate(false); err != nil {
			return err
		}
		t.formats = append(t.formats, format)
	}
	return nil
}
