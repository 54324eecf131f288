package eventstore

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Fields are the fields of a stored JSON object, to be edited without decoding their values. They keep their order, and
// what is not edited keeps its bytes: numbers of any size, fields that nobody knows. A field that is set for the first
// time comes last.
//
// Names are compared exactly, whereas package json takes "Name" for "name" when it decodes. Where an object has a name
// twice, the last one counts, as it does there; an edit of that name removes the others.
//
// The first edit that fails makes the event fail to be decoded, and edits after it do nothing. Fields are for the
// function that they were given to, while it runs.
type Fields struct {
	document *document
	parent   *Fields // the object that it is a field of
	fields   []field
	changed  bool // also when a nested one was
	removed  bool // it is no field of parent any more
}

// Get returns the value of a field as it is written, false when there is no such field. The bytes may be those that are
// stored, and must not be changed.
func (f *Fields) Get(name string) (value json.RawMessage, found bool) {
	at := f.find(name)
	if at < 0 {
		return nil, false
	}
	if f.isEdited(at) {
		return f.appendValue(nil, at), true
	}
	return f.document.text(f.fields[at].value), true
}

// Has reports whether there is such a field. It may be null.
func (f *Fields) Has(name string) bool { return f.find(name) >= 0 }

// Decode decodes the value of a field, by package json, and reports whether there is one. It fails where package json
// does.
func (f *Fields) Decode(name string, into any) bool {
	value, found := f.Get(name)
	if !found {
		return false
	}
	if err := json.Unmarshal(value, into); err != nil {
		f.Fail(fmt.Errorf("field %q: %w", name, err))
		return false
	}
	return true
}

// Set sets a field to a value, encoded by package json. A [json.RawMessage] is taken as it is; it is copied. It fails
// for a value that cannot be encoded.
func (f *Fields) Set(name string, value any) {
	if !f.editable() {
		return
	}
	encoded, err := f.document.encode(value)
	if err != nil {
		f.Fail(fmt.Errorf("field %q: %w", name, err))
		return
	}
	f.put(name, encoded)
}

// Default sets a field where there is none. One that is null is there.
func (f *Fields) Default(name string, value any) {
	if f.find(name) < 0 {
		f.Set(name, value)
	}
}

// Rename gives a field another name, and it keeps its place. It takes the place of a field that had the name. Where
// there is none to rename, it does nothing.
func (f *Fields) Rename(from, to string) {
	at := f.find(from)
	if at < 0 || from == to || !f.editable() {
		return
	}
	at = f.drop(from, at)
	at = f.drop(to, at)
	f.fields[at].name, f.fields[at].escaped = f.document.quote(to)
	f.change()
}

// Remove removes a field, if there is one.
func (f *Fields) Remove(name string) {
	if f.find(name) >= 0 && f.editable() {
		f.drop(name, -1)
		f.change()
	}
}

// Move moves a field into another object of the event, or out of one, and gives it a name there:
//
//	f.Move("zip", f.In("address"), "postcode")
//
// Where there is none to move, it does nothing.
func (f *Fields) Move(name string, to *Fields, as string) {
	value, found := f.Get(name)
	if !found || !f.editable() || !to.editable() {
		return
	}
	f.Remove(name)
	if to.editable() { // it is not when it was in what has moved
		to.put(as, to.document.keep(value))
	}
}

// In returns the fields of an object that is a field of this one. Where there is no such field, or it is null, the
// object is made as soon as something is set in it. In fails for a field that is something else.
func (f *Fields) In(name string) *Fields {
	nested := &Fields{document: f.document, parent: f}
	if !f.editable() {
		return nested
	}
	at := f.drop(name, f.last(name))
	switch {
	case at < 0:
		at = f.add(name)
	case f.nestedAt(at) != nil:
		return f.nestedAt(at)
	default:
		value := f.fields[at].value
		if text := f.document.text(value); string(text) != "null" {
			fields, err := splitObject(text, value.start, nil)
			if err != nil {
				f.Fail(fmt.Errorf("field %q: %w", name, err))
			}
			nested.fields = fields
		}
	}
	f.document.nested = append(f.document.nested, nested)
	f.fields[at].nested = int32(len(f.document.nested))
	return nested
}

// Fail makes the event fail to be decoded, with this error.
func (f *Fields) Fail(err error) {
	if f.document.err == nil {
		f.document.err = err
	}
}

var errRemoved = errors.New("an object was edited after it was removed from the event")

// editable reports whether an edit may go on.
func (f *Fields) editable() bool {
	for object := f; object != nil; object = object.parent {
		if object.removed {
			f.Fail(errRemoved)
		}
	}
	return f.document.err == nil
}

func (f *Fields) change() {
	for object := f; object != nil && !object.changed; object = object.parent {
		object.changed = true
	}
}
