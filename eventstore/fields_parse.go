package eventstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// document is the JSON object of an event that is being edited. Its fields say by numbers where their bytes are, so that
// editing leaves next to nothing for the garbage collector to look at.
type document struct {
	Fields
	data   []byte
	made   []byte    // names and values that were set; only ever appended to
	nested []*Fields // by number; 0 is none
	err    error     // of the first edit that failed

	// These keep what most events need, so that it is not allocated piece by piece.
	most [12]field
	room [64]byte
}

// span is where bytes are: in data, or in made, whose bytes count on from the end of data. The zero span is none.
type span struct{ start, end int32 }

// field is one of an object. It is not there yet when it has no value and no nested object in which something was set.
type field struct {
	name    span // with the quotes
	value   span
	nested  int32 // its value, when that was asked for as an object; edited if that has changed
	escaped bool  // there may be a backslash in the name
}

var errNoObject = errors.New("no JSON object")

// parseFields splits an object into its fields. Stored bytes that are no object are an error.
func parseFields(data []byte) (*document, error) {
	if len(data) > math.MaxInt32 {
		return nil, fmt.Errorf("%w: it is larger than 2 GiB", errNoObject)
	}
	d := &document{data: data}
	d.document = d
	d.made = d.room[:0]
	fields, err := splitObject(data, 0, d.most[:0])
	if err != nil {
		return nil, err
	}
	d.fields = fields
	return d, nil
}

// splitObject appends the fields of an object that begins at base.
func splitObject(data []byte, base int32, fields []field) ([]field, error) {
	i := skipSpace(data, 0)
	if byteAt(data, i) != '{' {
		return nil, fmt.Errorf("%w: %.40q", errNoObject, data)
	}
	i = skipSpace(data, i+1)
	if byteAt(data, i) == '}' {
		return fields, nothingFollows(data, i+1)
	}
	for {
		name := scanString(data, i)
		value := skipSpace(data, scanColon(data, name))
		end := scanValue(data, value, MaxJSONDepth-1)
		if end == failed {
			return nil, invalidObject(data)
		}
		fields = append(fields, field{
			name:    span{base + int32(i), base + int32(name)},
			value:   span{base + int32(value), base + int32(end)},
			escaped: bytes.IndexByte(data[i:name], '\\') >= 0,
		})
		i = skipSpace(data, end)
		switch byteAt(data, i) {
		case ',':
			i = skipSpace(data, i+1)
		case '}':
			return fields, nothingFollows(data, i+1)
		default:
			return nil, invalidObject(data)
		}
	}
}

func nothingFollows(data []byte, i int) error {
	if skipSpace(data, i) != len(data) {
		return invalidObject(data)
	}
	return nil
}

func invalidObject(data []byte) error {
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		return err
	}
	return fmt.Errorf("%w: it is nested deeper than the limit of %d", errNoObject, MaxJSONDepth)
}

// text returns the bytes of a span.
func (d *document) text(s span) []byte {
	if n := int32(len(d.data)); s.start >= n {
		return d.made[s.start-n : s.end-n : s.end-n]
	}
	return d.data[s.start:s.end:s.end]
}

// orElse returns the object as it is now, and the data that it was made of when nothing was edited, or there is none.
func (d *document) orElse(data []byte) []byte {
	if d == nil || !d.changed {
		return data
	}
	return d.appendTo(make([]byte, 0, len(d.data)+len(d.made)+len("{}")))
}

// appendTo appends the object. Names and values that were not changed keep their bytes, the space between them goes.
func (f *Fields) appendTo(b []byte) []byte {
	b = append(b, '{')
	start := len(b)
	for i := range f.fields {
		if !f.isThere(i) {
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(b, f.document.text(f.fields[i].name)...)
		b = append(b, ':')
		b = f.appendValue(b, i)
	}
	return append(b, '}')
}

func (f *Fields) appendValue(b []byte, at int) []byte {
	if f.isEdited(at) {
		return f.nestedAt(at).appendTo(b)
	}
	return append(b, f.document.text(f.fields[at].value)...)
}

// nestedAt returns the object that a field was asked for as, nil when it was not.
func (f *Fields) nestedAt(at int) *Fields {
	if number := f.fields[at].nested; number > 0 {
		return f.document.nested[number-1]
	}
	return nil
}

func (f *Fields) isEdited(at int) bool { return f.fields[at].nested > 0 && f.nestedAt(at).changed }

func (f *Fields) isThere(at int) bool { return f.fields[at].value != span{} || f.isEdited(at) }

// isNamed compares exactly, and by what a name says: "n" is "\u006e".
func (f *Fields) isNamed(at int, name string) bool {
	field := &f.fields[at]
	if !field.escaped {
		inside := span{field.name.start + 1, field.name.end - 1}
		return int(inside.end-inside.start) == len(name) && string(f.document.text(inside)) == name
	}
	var says string
	return json.Unmarshal(f.document.text(field.name), &says) == nil && says == name
}
