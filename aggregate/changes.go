package aggregate

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/pasttense/pasttense/aggregate/internal/shape"
)

// Change is a part of a state that differs between two points.
type Change struct {
	// Path leads to the part as Go would write it, such as Items[2].Name or Totals["EUR"]; empty is the whole state.
	Path string
	// Before and After are the part as text, strings in quotes. One of them is empty where only the other state has the
	// part.
	Before, After string
}

// String is the change in a line, such as Items[2].Name: "Shirt" → "Shorts".
func (c Change) String() string {
	return fmt.Sprintf("%s: %s → %s", cmp.Or(c.Path, "state"), cmp.Or(c.Before, "none"), cmp.Or(c.After, "none"))
}

// maxChangeDepth ends the comparison of states that contain themselves: what lies deeper is not compared.
const maxChangeDepth = 20

// changes compares two values of one type. Elements of slices are compared by their index, those of maps by their key. Nil
// and empty slices and maps are the same.
func changes[S any](before, after S) []Change {
	var c comparison
	c.values("", 0, reflect.ValueOf(&before).Elem(), reflect.ValueOf(&after).Elem())
	return c.changes
}

type comparison struct{ changes []Change }

func (c *comparison) values(path string, depth int, before, after reflect.Value) {
	if depth == maxChangeDepth {
		return
	}
	if isNil(before) || isNil(after) || depth > 0 && tellsItself(before) && text(before) != text(after) {
		c.leaves(path, before, after)
		return
	}
	switch before.Kind() {
	case reflect.Pointer:
		if before.Pointer() != after.Pointer() {
			c.values(path, depth+1, before.Elem(), after.Elem())
		}
	case reflect.Interface:
		if before.Elem().Type() != after.Elem().Type() {
			c.leaves(path, before, after)
			return
		}
		c.values(path, depth+1, before.Elem(), after.Elem())
	case reflect.Struct:
		if before.Type() == reflect.TypeFor[time.Time]() {
			return // its text says it all
		}
		was, is := shape.Fields(before), shape.Fields(after)
		for i := range was {
			c.values(field(path, before.Type().Field(i).Name), depth+1, was[i], is[i])
		}
	case reflect.Slice, reflect.Array:
		c.elements(path, depth, before, after)
	case reflect.Map:
		c.entries(path, depth, before, after)
	default:
		c.leaves(path, before, after)
	}
}

func (c *comparison) elements(path string, depth int, before, after reflect.Value) {
	for i := range max(before.Len(), after.Len()) {
		element := path + "[" + strconv.Itoa(i) + "]"
		switch {
		case i >= before.Len():
			c.add(element, "", text(after.Index(i)))
		case i >= after.Len():
			c.add(element, text(before.Index(i)), "")
		default:
			c.values(element, depth+1, before.Index(i), after.Index(i))
		}
	}
}

func (c *comparison) entries(path string, depth int, before, after reflect.Value) {
	for _, key := range keys(before, after) {
		entry := path + "[" + text(key) + "]"
		was, is := before.MapIndex(key), after.MapIndex(key)
		switch {
		case !was.IsValid():
			c.add(entry, "", text(is))
		case !is.IsValid():
			c.add(entry, text(was), "")
		default:
			c.values(entry, depth+1, was, is)
		}
	}
}

// keys returns the keys of both maps, sorted by their text.
func keys(before, after reflect.Value) []reflect.Value {
	all := before.MapKeys()
	for _, key := range after.MapKeys() {
		if !before.MapIndex(key).IsValid() {
			all = append(all, key)
		}
	}
	slices.SortFunc(all, func(a, b reflect.Value) int { return cmp.Compare(text(a), text(b)) })
	return all
}

func (c *comparison) leaves(path string, before, after reflect.Value) {
	if was, is := text(before), text(after); was != is {
		c.add(path, was, is)
	}
}

func (c *comparison) add(path, before, after string) {
	c.changes = append(c.changes, Change{Path: path, Before: before, After: after})
}

func field(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// tellsItself reports whether a value has a text of its own. It may leave something out, so that values with the same text
// need not be the same.
func tellsItself(v reflect.Value) bool {
	switch v.Interface().(type) {
	case fmt.Stringer, encoding.TextMarshaler, []byte:
		return true
	default:
		return false
	}
}

func isNil(v reflect.Value) bool {
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil()
}

// text is a value for people. Times have the same when their instants are the same.
func text(v reflect.Value) string {
	if v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	switch value := v.Interface().(type) {
	case time.Time:
		return value.UTC().Format(time.RFC3339Nano)
	case []byte:
		return fmt.Sprintf("%x", value)
	case fmt.Stringer:
		return fmt.Sprintf("%+v", v) // which bears a String that panics
	case encoding.TextMarshaler:
		if bytes, err := value.MarshalText(); err == nil {
			return string(bytes)
		}
	}
	return plain(v)
}

func plain(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return strconv.Quote(v.String())
	}
	return fmt.Sprintf("%+v", v)
}
