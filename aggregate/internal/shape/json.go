package shape

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// KeptByJSON returns an error that names a part of the type which package json leaves out, or cannot read back. Types with
// methods of their own for JSON or text are trusted. That nothing is found does not promise that every value is kept: two
// fields may have one name, and methods may leave things out.
func KeptByJSON(t reflect.Type) error {
	return keptByJSON(t.Name(), t, make(map[reflect.Type]bool))
}

func keptByJSON(path string, t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	if trusted, err := byItself(path, t); trusted || err != nil {
		return err
	}
	switch t.Kind() {
	case reflect.Struct:
		return fieldsKept(path, t, seen)
	case reflect.Slice, reflect.Array:
		return keptByJSON(path+"[]", t.Elem(), seen)
	case reflect.Pointer:
		return keptByJSON(path, t.Elem(), seen)
	case reflect.Map:
		if err := keyKept(path, t.Key()); err != nil {
			return err
		}
		return keptByJSON(path+"[]", t.Elem(), seen)
	case reflect.Interface:
		return fmt.Errorf("%s is of the interface type %s, of which JSON does not keep what is in it", path, t)
	case reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return fmt.Errorf("%s is a %s, which JSON cannot keep", path, t.Kind())
	default:
		return nil
	}
}

func fieldsKept(path string, t reflect.Type, seen map[reflect.Type]bool) error {
	for i := range t.NumField() {
		field := t.Field(i)
		name := path + "." + field.Name
		// Of a struct that is embedded, JSON keeps the exported fields even if its own name is not exported.
		promoted := field.Anonymous && field.Type.Kind() == reflect.Struct
		switch {
		case field.Tag.Get("json") == "-":
			return fmt.Errorf(`%s is left out of JSON by its tag "-"`, name)
		case !field.IsExported() && !promoted:
			return fmt.Errorf("%s is not exported, so JSON leaves it out", name)
		}
		if err := keptByJSON(name, field.Type, seen); err != nil {
			return err
		}
	}
	return nil
}

var (
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// byItself reports whether a type writes and reads itself. A method of its own for one of the two is a mistake.
func byItself(path string, t reflect.Type) (bool, error) {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false, nil
	}
	pointer := reflect.PointerTo(t)
	for _, pair := range []struct{ writes, reads reflect.Type }{
		{jsonMarshaler, jsonUnmarshaler}, {textMarshaler, textUnmarshaler},
	} {
		writes, reads := pointer.Implements(pair.writes), pointer.Implements(pair.reads)
		switch {
		case writes && reads:
			return true, nil
		case writes:
			return false, fmt.Errorf("%s is of type %s, which has %s but not %s",
				path, t, pair.writes.Method(0).Name, pair.reads.Method(0).Name)
		}
	}
	return false, nil
}

func keyKept(path string, key reflect.Type) error {
	trusted, err := byItself(path+" key", key)
	kind := key.Kind()
	if trusted || err != nil || kind == reflect.String || reflect.Int <= kind && kind <= reflect.Uintptr {
		return err
	}
	return fmt.Errorf("%s has keys of type %s, which JSON cannot keep", strings.TrimSuffix(path, "[]"), key)
}
