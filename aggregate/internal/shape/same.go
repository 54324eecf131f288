package shape

import (
	"fmt"
	"math"
	"reflect"
)

// Difference returns the path to a part in which a copy differs from its original, false when it is the same. Types with a
// method Equal are compared by it, such as [time.Time]. A slice that is nil is the same as an empty one. Of maps that holds
// the other way only: a copy that is nil where its original is empty differs, since it cannot be written to. Where the original
// has one pointer or map twice and the copy has two, it differs as well: a write to one would not be seen in the other.
func Difference[T any](original, copied T) (path string, differs bool) {
	c := comparison{twins: make(map[place]uintptr)}
	name := reflect.TypeFor[T]().Name()
	return c.differs(name, reflect.ValueOf(&original).Elem(), reflect.ValueOf(&copied).Elem())
}

// comparison remembers what it has compared, since values may share others and contain themselves: to pointers and maps of
// the original those of the copy.
type comparison struct{ twins map[place]uintptr }

type place struct {
	address uintptr
	of      reflect.Type
}

// met reports whether a pointer or map was compared before, and if so, whether it was with another one.
func (c *comparison) met(a, b reflect.Value) (met, differs bool) {
	at := place{a.Pointer(), a.Type()}
	twin, met := c.twins[at]
	if !met {
		c.twins[at] = b.Pointer()
	}
	return met, met && twin != b.Pointer()
}

func (c *comparison) differs(path string, a, b reflect.Value) (string, bool) {
	if equal, found := byMethod(a, b); found {
		return path, !equal
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if at, differs := c.differs(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i)); differs {
				return at, true
			}
		}
		return path, false
	case reflect.Slice, reflect.Array:
		return c.elementsDiffer(path, a, b)
	case reflect.Map:
		return c.entriesDiffer(path, a, b)
	case reflect.Pointer, reflect.Interface:
		return c.targetsDiffer(path, a, b)
	case reflect.Float32, reflect.Float64:
		return path, a.Float() != b.Float() && !(math.IsNaN(a.Float()) && math.IsNaN(b.Float()))
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return path, !a.IsNil() || !b.IsNil()
	default:
		return path, !a.Equal(b)
	}
}

func (c *comparison) elementsDiffer(path string, a, b reflect.Value) (string, bool) {
	if a.Len() != b.Len() {
		return path, true
	}
	for i := range a.Len() {
		if at, differs := c.differs(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i)); differs {
			return at, true
		}
	}
	return path, false
}

func (c *comparison) entriesDiffer(path string, a, b reflect.Value) (string, bool) {
	if a.Len() != b.Len() || !a.IsNil() && b.IsNil() {
		return path, true
	}
	if a.IsNil() {
		return path, false
	}
	if met, differs := c.met(a, b); met {
		return path, differs
	}
	for entries := a.MapRange(); entries.Next(); {
		other := b.MapIndex(entries.Key())
		if !other.IsValid() {
			return path, true
		}
		if at, differs := c.differs(fmt.Sprintf("%s[%v]", path, entries.Key()), entries.Value(), other); differs {
			return at, true
		}
	}
	return path, false
}

func (c *comparison) targetsDiffer(path string, a, b reflect.Value) (string, bool) {
	if a.IsNil() || b.IsNil() {
		return path, a.IsNil() != b.IsNil()
	}
	if a.Kind() == reflect.Interface {
		if a.Elem().Type() != b.Elem().Type() {
			return path, true
		}
		return c.differs(path, a.Elem(), b.Elem())
	}
	if a.Type().Elem().Size() == 0 {
		return path, false // such pointers may be the same or not
	}
	if met, differs := c.met(a, b); met {
		return path, differs
	}
	return c.differs(path, a.Elem(), b.Elem())
}

// byMethod compares by a method Equal of the type, or of its pointer, that takes the type and returns a bool.
func byMethod(a, b reflect.Value) (equal, found bool) {
	if a.Kind() == reflect.Interface || a.Kind() == reflect.Pointer || !a.CanInterface() || !b.CanInterface() {
		return false, false
	}
	receiver := a
	if a.CanAddr() {
		receiver = a.Addr()
	}
	method := receiver.MethodByName("Equal")
	if !method.IsValid() {
		return false, false
	}
	signature := method.Type()
	if signature.NumIn() != 1 || signature.In(0) != a.Type() || signature.IsVariadic() ||
		signature.NumOut() != 1 || signature.Out(0).Kind() != reflect.Bool {
		return false, false
	}
	return method.Call([]reflect.Value{b})[0].Bool(), true
}
