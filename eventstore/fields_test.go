package eventstore_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// anything is an event that shows what was to be decoded.
type anything []byte

var asItIs = eventstore.Format{
	ContentType: eventstore.ContentTypeJSON,
	Marshal:     func(event any) ([]byte, error) { return event.(anything), nil },
	Unmarshal: func(data []byte, event any) error {
		*event.(*anything) = bytes.Clone(data)
		return nil
	},
}

// edited returns what is left of stored data after an edit.
func edited(data string, edits ...func(*eventstore.Fields)) (string, error) {
	options := &eventstore.CodecOptions{Format: asItIs}
	for i, edit := range edits {
		options.Upcasters = append(options.Upcasters, eventstore.EditFields("thing", 1+i, edit))
	}
	codec := eventstore.NewCodec("thing", map[string]anything{"thing": nil}, options)
	events, err := codec.Decode(stored(eventstore.EventData{
		Type: "thing", SchemaVersion: 1, ContentType: eventstore.ContentTypeJSON, Data: []byte(data),
	}))
	if err != nil {
		return "", err
	}
	return string(events[0]), nil
}

func TestFieldsAreEdited(t *testing.T) {
	type fields = *eventstore.Fields
	for name, c := range map[string]struct {
		data string
		edit func(fields)
		want string
	}{
		"nothing": {` { "a" : 1.0 } `, func(fields) {}, ` { "a" : 1.0 } `},
		"set":     {`{"a": 1 ,"b":[ 2 ]}`, func(f fields) { f.Set("a", "x") }, `{"a":"x","b":[ 2 ]}`},
		"set new": {`{"a":1}`, func(f fields) { f.Set("b", nil) }, `{"a":1,"b":null}`},
		"in one that is there twice": {
			`{"a":{"x":1},"b":2,"a":{"y":3}}`, func(f fields) { f.In("a").Set("z", 4) }, `{"b":2,"a":{"y":3,"z":4}}`,
		},
		"set in an empty object": {` { } `, func(f fields) { f.Set("b", -7) }, `{"b":-7}`},
		"set values": {
			`{}`, func(f fields) {
				f.Set("s", "é\"<")
				f.Set("u", "<")
				f.Set("t", true)
				f.Set("n", 1.5)
				f.Set("r", json.RawMessage(` [1.00] `))
				f.Set("m", map[string]int{"b": 2, "a": 1})
			}, `{"s":"é\"\u003c","u":"\u003c","t":true,"n":1.5,"r": [1.00] ,"m":{"a":1,"b":2}}`,
		},
		"default":             {`{"a":1}`, func(f fields) { f.Default("a", 2); f.Default("b", 3) }, `{"a":1,"b":3}`},
		"default beside null": {`{"a":null}`, func(f fields) { f.Default("a", 2) }, `{"a":null}`},
		"rename":              {`{"a":1,"b":2}`, func(f fields) { f.Rename("a", "c") }, `{"c":1,"b":2}`},
		"rename what is not":  {`{"b": 2}`, func(f fields) { f.Rename("a", "b") }, `{"b": 2}`},
		"rename over another": {`{"b":2,"a":1}`, func(f fields) { f.Rename("a", "b") }, `{"b":1}`},
		"rename to itself":    {`{"a": 1,"a":2}`, func(f fields) { f.Rename("a", "a") }, `{"a": 1,"a":2}`},
		"rename and back": {
			`{"a":1,"b":2}`, func(f fields) { f.Rename("a", "é"); f.Rename("é", "a") }, `{"a":1,"b":2}`,
		},
		"remove":             {`{"a":1,"b":2}`, func(f fields) { f.Remove("a"); f.Remove("z") }, `{"b":2}`},
		"remove the only":    {`{"a":1}`, func(f fields) { f.Remove("a") }, `{}`},
		"exact names":        {`{"A":1}`, func(f fields) { f.Remove("a"); f.Default("a", 2) }, `{"A":1,"a":2}`},
		"escaped names":      {`{"\u0061":1}`, func(f fields) { f.Rename("a", "b") }, `{"b":1}`},
		"escape as it is":    {`{"\u0061":1}`, func(f fields) { f.Remove(`\u0061`); f.Set("b", 2) }, `{"\u0061":1,"b":2}`},
		"empty name":         {`{"":1}`, func(f fields) { f.Rename("", "b") }, `{"b":1}`},
		"the last of a name": {`{"a":1,"b":2,"a":3}`, func(f fields) { f.Rename("a", "c") }, `{"b":2,"c":3}`},
		"one of a name":      {`{"a":1,"b":2,"a":3}`, func(f fields) { f.Set("a", 4) }, `{"b":2,"a":4}`},
		"none of a name":     {`{"a":1,"b":2,"a":3}`, func(f fields) { f.Remove("a") }, `{"b":2}`},
		"both of another":    {`{"a":1,"b":2,"a":3}`, func(f fields) { f.Remove("b") }, `{"a":1,"a":3}`},
		"large numbers": {
			`{"a":12345678901234567890.10e+400,"b":0}`, func(f fields) { f.Rename("a", "c"); f.Remove("b") },
			`{"c":12345678901234567890.10e+400}`,
		},
		"in": {
			`{"a":{"x": 1},"b":2}`, func(f fields) { f.In("a").Rename("x", "y"); f.In("a").Set("z", 3) },
			`{"a":{"y":1,"z":3},"b":2}`,
		},
		"in, made": {`{"b":2}`, func(f fields) { f.In("a").In("b").Set("c", 3) }, `{"b":2,"a":{"b":{"c":3}}}`},
		"in, null": {`{"a":null}`, func(f fields) { f.In("a").Set("b", 1) }, `{"a":{"b":1}}`},
		"in, nothing set": {
			`{"b":null, "c":{}}`, func(f fields) { f.In("a").Remove("x"); f.In("b"); f.In("c") }, `{"b":null, "c":{}}`,
		},
		"in, not there yet": {`{}`, func(f fields) { f.In("a"); f.Rename("a", "b"); f.Set("c", f.Has("a")) }, `{"c":false}`},
		"in, set meanwhile": {`{}`, func(f fields) { f.In("a").Set("b", 1); f.Set("a", 2) }, `{"a":2}`},
		"in, of what was set": {
			`{"a":1}`, func(f fields) { f.Set("a", json.RawMessage(`{"b":1}`)); f.In("a").Set("c", 2) }, `{"a":{"b":1,"c":2}}`,
		},
		"move in": {
			`{"zip":"1","n":2}`, func(f fields) { f.Move("zip", f.In("at"), "code") }, `{"n":2,"at":{"code":"1"}}`,
		},
		"move nothing in": {`{"n":2}`, func(f fields) { f.Move("zip", f.In("address"), "code") }, `{"n":2}`},
		"move out":        {`{"a":{"b":[1]}}`, func(f fields) { f.In("a").Move("b", f, "c"); f.Remove("a") }, `{"c":[1]}`},
		"move what is edited": {
			`{"a":{"b":1}}`, func(f fields) { f.In("a").Set("c", 2); f.Move("a", f.In("d"), "e") }, `{"d":{"e":{"b":1,"c":2}}}`,
		},
		"many": {
			`{"a":1}`, func(f fields) {
				for name := range strings.SplitSeq("bcdefghijklmnopqrstuvwxyz", "") {
					f.Set(name, 1.0)
				}
				for name := range strings.SplitSeq("abcdefghijklmnopqrstuvwx", "") {
					f.Remove(name)
				}
			}, `{"y":1,"z":1}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := edited(c.data, c.edit)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)

			got, err = edited(c.data, func(fields) {}, c.edit, func(f fields) { f.Remove("no such field") })
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestFieldsAreRead(t *testing.T) {
	_, err := edited(`{"a": {"b": [1.0]},"n": 1.00 ,"c":2,"c":null}`, func(f *eventstore.Fields) {
		value, found := f.Get("n")
		assert.True(t, found)
		assert.Equal(t, "1.00", string(value))
		assert.True(t, f.Has("c"))

		var list []float64
		assert.True(t, f.In("a").Decode("b", &list))
		assert.Equal(t, []float64{1}, list)
		f.In("a").Remove("b")
		value, _ = f.Get("a")
		assert.JSONEq(t, `{}`, string(value))

		assert.False(t, f.Has("d"))
		assert.False(t, f.Decode("d", &list))
		_, found = f.In("d").Get("e")
		assert.False(t, found)
		assert.False(t, f.Has("d"), "asking for an object does not make it")
	})
	require.NoError(t, err)
}

func TestAnEditThatFails(t *testing.T) {
	type fields = *eventstore.Fields
	for name, c := range map[string]struct {
		data string
		edit func(fields)
		says string
	}{
		"in a number":         {`{"a":1}`, func(f fields) { f.In("a").Set("b", 1) }, `field "a": no JSON object: "1"`},
		"in a number, unused": {`{"a":1}`, func(f fields) { f.In("a") }, `field "a": no JSON object`},
		"in an array in it":   {`{"a":{"b":[]}}`, func(f fields) { f.In("a").In("b").Remove("c") }, `field "b": no JSON object`},
		"decode":              {`{"a":"x"}`, func(f fields) { f.Decode("a", new(int)) }, `field "a": json: cannot unmarshal`},
		"set":                 {`{}`, func(f fields) { f.Set("a", math.NaN()) }, `field "a": json: unsupported value`},
		"set no JSON":         {`{}`, func(f fields) { f.Set("a", json.RawMessage(`{`)) }, `field "a": no JSON: "{"`},
		"set nothing":         {`{}`, func(f fields) { f.Set("a", json.RawMessage{}) }, `field "a": no JSON: ""`},
		"into itself":         {`{"a":{}}`, func(f fields) { f.Move("a", f.In("a"), "b") }, "after it was removed"},
		"in what is removed":  {`{"a":{}}`, func(f fields) { a := f.In("a"); f.Remove("a"); a.Set("b", 1) }, "was removed"},
		"in what is replaced": {`{}`, func(f fields) { b := f.In("a").In("b"); f.Set("a", 1); b.Set("c", 1) }, "was removed"},
		"by itself":           {`{}`, func(f fields) { f.Fail(assert.AnError); f.Fail(errors.New("x")) }, assert.AnError.Error()},
		"no object":           {`[1]`, func(fields) {}, `no JSON object: "[1]"`},
		"null":                {`null`, func(fields) {}, `no JSON object: "null"`},
		"no JSON":             {`{"a":1`, func(fields) {}, "unexpected end of JSON input"},
		"more than JSON":      {`{} {}`, func(fields) {}, "after top-level value"},
		"nested too deep": {
			`{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}", func(fields) {},
			"deeper than the limit of 1000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			after := false
			_, err := edited(c.data, c.edit, func(fields) { after = true })
			for _, part := range []string{
				c.says, `EditFields("thing", 1)`,
				`event "thing" (schema version 1, application/json) at version 3 of stream "fruit-7", position 41`,
			} {
				require.ErrorContains(t, err, part)
			}
			assert.NotErrorIs(t, err, eventstore.ErrUnknownType)
			assert.False(t, after, "edits after one that failed do not run")
		})
	}
}

// Nothing is found after an edit has failed, so that a function cannot go astray on what it finds.
func TestEditsAfterOneThatFailedDoNothing(t *testing.T) {
	_, err := edited(`{"a":1}`, func(f *eventstore.Fields) {
		f.Fail(assert.AnError)
		_, found := f.Get("a")
		assert.False(t, found)
		f.Rename("a", "b")
		f.Default("b", 1)
		f.Move("a", f.In("b"), "c")
	})
	assert.ErrorIs(t, err, assert.AnError)
}
