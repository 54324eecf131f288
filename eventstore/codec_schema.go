package eventstore

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
)

// EventTypes implements [Described].
func (c *codec[E]) EventTypes() []EventType {
	types := make([]EventType, 0, len(c.byGo))
	for _, name := range slices.Sorted(maps.Keys(c.types)) {
		if t := c.types[name]; t.goType != nil {
			types = append(types, t.describe())
		}
	}
	return types
}

func (t *storedType) describe() EventType {
	goType := t.goType
	if t.pointer {
		goType = reflect.PointerTo(goType)
	}
	return EventType{Name: t.name, SchemaVersion: t.version, ContentType: t.formats[0].ContentType, Go: goType}
}

// Schema implements [Described].
func (c *codec[E]) Schema() string { return c.schema() }

// fingerprint hashes a description of the codec. Every name in it is quoted, so that none reads as something else.
func (c *codec[E]) fingerprint() string {
	hash := sha256.New()
	shapes := shapeWriter{w: hash, seen: make(map[reflect.Type]int)}
	fmt.Fprintf(hash, "category %q\n", c.category)
	for _, name := range slices.Sorted(maps.Keys(c.types)) {
		t := c.types[name]
		fmt.Fprintf(hash, "type %q version %d dropped %t\n", name, t.version, t.dropped)
		for _, step := range t.steps {
			fmt.Fprintf(hash, "step %s to %q %d\n", step.kind, step.to.Type, step.to.SchemaVersion)
		}
		if t.goType != nil {
			fmt.Fprintf(hash, "as %q %t ", t.formats[0].ContentType, t.pointer)
			shapes.write(t.goType)
		}
	}
	const half = sha256.Size / 2 // is plenty, and easier on the eye
	return hex.EncodeToString(hash.Sum(nil)[:half])
}

// shapeWriter writes what formats can see of Go types.
type shapeWriter struct {
	w    io.Writer
	seen map[reflect.Type]int // in the order in which they were met
}

// write writes the shape of a type. Of a type that was met before it writes which one that was, so cycles end.
func (s *shapeWriter) write(t reflect.Type) {
	if number, met := s.seen[t]; met {
		fmt.Fprintf(s.w, "again %d\n", number)
		return
	}
	s.seen[t] = len(s.seen)
	fmt.Fprintf(s.w, "%s %q %q own %t\n", t.Kind(), t.PkgPath(), t.Name(), marshalsItself(t))
	switch t.Kind() {
	case reflect.Struct:
		s.writeFields(t)
	case reflect.Array:
		fmt.Fprintf(s.w, "length %d of ", t.Len())
		s.write(t.Elem())
	case reflect.Map:
		s.write(t.Key())
		s.write(t.Elem())
	case reflect.Pointer, reflect.Slice:
		s.write(t.Elem())
	default: // has nothing in it
	}
}

// writeFields writes the fields that are exported, embedded or of a protobuf message. Others are nobody's business but
// their package's, and in those of the standard library they change from one version of Go to the next.
func (s *shapeWriter) writeFields(t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		if _, ofMessage := f.Tag.Lookup("protobuf"); f.IsExported() || f.Anonymous || ofMessage {
			fmt.Fprintf(s.w, "field %q %q embedded %t ", f.Name, string(f.Tag), f.Anonymous)
			s.write(f.Type)
		}
	}
	fmt.Fprintln(s.w, "end")
}

// marshalsItself reports whether a type has a method that gives it a form of its own.
func marshalsItself(t reflect.Type) bool {
	if t.Kind() != reflect.Interface {
		t = reflect.PointerTo(t)
	}
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) || t.Implements(reflect.TypeFor[encoding.BinaryMarshaler]())
}
