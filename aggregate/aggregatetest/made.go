package aggregatetest

import (
	"encoding"
	"encoding/json"
	"reflect"
	"time"
)

// maxNesting ends the values that are made of types which contain themselves.
const maxNesting = 5

// unaltered is the index of none of a value's parts.
const unaltered = -1

// made returns a value of a type, always the same one: what two types have in common, such as the ID of an item, has
// one value in both. Of its parts that are numbers, strings, times and the like, the one with the index altered has
// another value than usual. It returns false when the value has no such part.
//
// Slices and maps have one element. Fields that are not exported, interfaces, functions and channels stay zero.
func made(goType reflect.Type, altered int) (reflect.Value, bool) {
	m := maker{altered: altered}
	value := reflect.New(goType).Elem()
	event := value
	if goType.Kind() == reflect.Pointer {
		value.Set(reflect.New(goType.Elem()))
		event = value.Elem()
	}
	m.fill(event, 0)
	return value, altered < m.parts
}

type maker struct {
	altered int
	parts   int
}

// fill makes what is in a value.
func (m *maker) fill(v reflect.Value, depth int) {
	if depth > maxNesting {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			m.field(v.Field(i), depth+1)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		m.value(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		m.value(v.Index(0), depth+1)
	case reflect.Array:
		m.array(v, depth+1)
	case reflect.Map:
		key, element := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		m.value(key, depth+1)
		m.value(element, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		if key.Comparable() {
			v.SetMapIndex(key, element)
		}
	default:
		m.scalar(v)
	}
}

// field makes a struct's field. Those of a struct that is embedded can be set even where the struct itself cannot.
func (m *maker) field(v reflect.Value, depth int) {
	if v.CanSet() {
		m.value(v, depth)
	} else if v.Kind() == reflect.Struct {
		m.fill(v, depth)
	}
}

// value makes a value that is part of another.
func (m *maker) value(v reflect.Value, depth int) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2001+m.next(), time.February, 3, 4, 5, 6, 0, time.UTC)))
		return
	}
	if m.parsed(v) {
		return
	}
	m.fill(v, depth)
}

// array makes an array, of which only the last element is ever altered: it stands for one thing, such as an ID.
func (m *maker) array(v reflect.Value, depth int) {
	for i := range v.Len() {
		parts, altered := m.parts, m.altered
		if i < v.Len()-1 {
			m.altered = unaltered
		}
		m.value(v.Index(i), depth)
		m.altered = altered
		if i < v.Len()-1 {
			m.parts = parts
		}
	}
}

// next returns 1 for the part that is to be altered, and otherwise 0.
func (m *maker) next() int {
	m.parts++
	if m.parts-1 == m.altered {
		return 1
	}
	return 0
}

func (m *maker) scalar(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(m.next() == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(1 + m.next()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(1 + m.next()))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5 + float64(m.next()))
	case reflect.String:
		text := [...]string{"a", "b"}
		if v.Type() == reflect.TypeFor[json.Number]() {
			text = [...]string{"1", "2"}
		}
		v.SetString(text[m.next()])
	default: // complex numbers have no stored form in most encodings; the others can only be nil
	}
}

// texts are what types that parse themselves may take.
var texts = []string{
	"1", "2", "2001-02-03T04:05:06Z", "2002-02-03T04:05:06Z", "2001-02-03", "2002-02-03", "04:05:06", "05:05:06",
	"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002", "192.0.2.1", "192.0.2.2",
	"192.0.2.0/24", "198.51.100.0/24", "EUR", "USD", "1.5 EUR", "2.5 EUR", "en", "de", "1h", "2h", "a", "b",
	"true", "false", "{}", "[]", `"1"`, `"2"`, `"a"`, `"b"`,
}

// parsed makes a value of a type that parses itself, as many do that consist of fields which are not exported. It
// returns false when the type does not, or takes none of the texts.
func (m *maker) parsed(v reflect.Value) bool {
	if v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		return false
	}
	var found []reflect.Value
	for _, text := range texts {
		target := reflect.New(v.Type())
		parses, err := parse(target.Interface(), []byte(text))
		if !parses {
			return false
		}
		if err == nil && (len(found) == 0 || !reflect.DeepEqual(found[0].Interface(), target.Elem().Interface())) {
			found = append(found, target.Elem())
		}
		if len(found) == 2 {
			break
		}
	}
	if len(found) == 0 {
		return false
	}
	v.Set(found[min(m.next(), len(found)-1)])
	return true
}

// parse lets a value parse text, and returns whether it can parse at all.
func parse(target any, text []byte) (parses bool, err error) {
	panicked := caught(func() {
		switch target := target.(type) {
		case encoding.TextUnmarshaler:
			parses, err = true, target.UnmarshalText(text)
		case json.Unmarshaler:
			if parses = true; !json.Valid(text) {
				err = json.Unmarshal(text, new(any))
				return
			}
			err = target.UnmarshalJSON(text)
		case encoding.BinaryUnmarshaler:
			parses, err = true, target.UnmarshalBinary(text)
		}
	})
	if panicked != nil {
		return true, panicked
	}
	return parses, err
}
