package aggregatetest

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pasttense/pasttense/aggregate/internal/shape"
)

// maxDepth ends the lines of a value that contains itself.
const maxDepth = 20

// format returns a value in lines: its type, and its fields indented, each on a line of its own.
func format(value any) []string {
	var f formatter
	f.value("", 0, reflect.ValueOf(value))
	return f.lines
}

type formatter struct{ lines []string }

func (f *formatter) line(depth int, text string) {
	f.lines = append(f.lines, strings.Repeat("  ", depth)+text)
}

// value adds a value's lines, the first one after a label such as its field's name. The outermost struct is always
// shown with its fields.
func (f *formatter) value(label string, depth int, v reflect.Value) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if _, ok := word(v); ok {
			break
		}
		v = v.Elem()
	}
	if text, ok := word(v); ok && (depth > 0 || v.Kind() != reflect.Struct) {
		f.line(depth, label+text)
		return
	}
	if depth == maxDepth {
		f.line(depth, label+"…")
		return
	}
	f.parts(label, depth, v)
}

// parts adds the lines of a value that is made of others.
func (f *formatter) parts(label string, depth int, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		f.line(depth, label+v.Type().String())
		for i, field := range shape.Fields(v) {
			f.value(v.Type().Field(i).Name+": ", depth+1, field)
		}
	case reflect.Slice, reflect.Array:
		f.line(depth, label+v.Type().String())
		for i := range v.Len() {
			f.value("", depth+1, v.Index(i))
		}
	case reflect.Map:
		f.line(depth, label+v.Type().String())
		for _, key := range sortedKeys(v) {
			f.value(plain(key)+": ", depth+1, v.MapIndex(key))
		}
	default:
		f.line(depth, label+plain(v))
	}
}

// word returns the text of a value that is shown on one line.
func word(v reflect.Value) (string, bool) {
	if v.IsValid() && v.CanInterface() {
		switch value := v.Interface().(type) {
		case time.Time:
			return value.Format(time.RFC3339Nano), true
		case fmt.Stringer:
			return fmt.Sprint(v), true // which survives a String that panics
		}
	}
	switch v.Kind() {
	case reflect.Invalid:
		return "nil", true
	case reflect.Pointer, reflect.Interface:
		return "nil", v.IsNil()
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return strconv.Quote(string(v.Bytes())), true
		}
		return "[]", v.Len() == 0
	case reflect.Map:
		return "[]", v.Len() == 0
	case reflect.Struct, reflect.Array:
		return "", false
	default:
		return plain(v), true
	}
}

// plain returns a value as package fmt does, and strings in quotes.
func plain(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return strconv.Quote(v.String())
	}
	return fmt.Sprintf("%+v", v)
}

func sortedKeys(v reflect.Value) []reflect.Value {
	return slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int {
		return strings.Compare(plain(a), plain(b))
	})
}
