package eventstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// find returns the index of the field that counts of a name, -1 when there is none.
func (f *Fields) find(name string) int {
	if at := f.last(name); at >= 0 && f.isThere(at) && f.document.err == nil {
		return at
	}
	return -1
}

// last returns the index of the last field of a name, also of one that is not there yet.
func (f *Fields) last(name string) int {
	for i := range slices.Backward(f.fields) {
		if f.isNamed(i, name) {
			return i
		}
	}
	return -1
}

// put sets a field to an encoded value.
func (f *Fields) put(name string, value span) {
	at := f.last(name)
	if at < 0 {
		at = f.add(name)
	} else {
		at = f.drop(name, at)
		f.forget(at)
	}
	f.fields[at].value = value
	f.change()
}

// add adds a field that is not there yet.
func (f *Fields) add(name string) (at int) {
	quoted, escaped := f.document.quote(name)
	f.fields = append(f.fields, field{name: quoted, escaped: escaped})
	return len(f.fields) - 1
}

// drop removes the fields of a name but for the one at an index, and returns where that is then.
func (f *Fields) drop(name string, but int) int {
	kept, place := 0, but
	for i := range f.fields {
		switch {
		case i == but:
			place = kept
		case f.isNamed(i, name):
			f.forget(i)
			continue
		}
		if kept < i {
			f.fields[kept] = f.fields[i]
		}
		kept++
	}
	f.fields = f.fields[:kept]
	return place
}

// forget takes a nested object out of what is edited.
func (f *Fields) forget(at int) {
	if nested := f.nestedAt(at); nested != nil {
		nested.removed = true
		f.fields[at].nested = 0
	}
}

// encode does what json.Marshal does, and for the common kinds of constants without the ado.
func (d *document) encode(value any) (span, error) {
	start := d.end()
	switch value := value.(type) {
	case string:
		quoted, _ := d.quote(value)
		return quoted, nil
	case bool:
		d.made = strconv.AppendBool(d.made, value)
	case int:
		d.made = strconv.AppendInt(d.made, int64(value), 10)
	case json.RawMessage:
		if !validJSON(value, MaxJSONDepth) {
			return span{}, fmt.Errorf("no JSON: %.40q", value)
		}
		d.made = append(d.made, value...)
	default:
		encoded, err := json.Marshal(value)
		if err != nil {
			return span{}, err
		}
		d.made = append(d.made, encoded...)
	}
	return span{start, d.end()}, nil
}

// quote returns a string as JSON, and whether there may be a backslash in it.
func (d *document) quote(s string) (quoted span, escaped bool) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			encoded, _ := json.Marshal(s) // which succeeds for every string
			return d.keep(encoded), true
		}
	}
	start := d.end()
	d.made = append(d.made, '"')
	d.made = append(d.made, s...)
	d.made = append(d.made, '"')
	return span{start, d.end()}, false
}

// keep returns a span of the bytes.
func (d *document) keep(b []byte) span {
	start := d.end()
	d.made = append(d.made, b...)
	return span{start, d.end()}
}

func (d *document) end() int32 { return int32(len(d.data) + len(d.made)) }
