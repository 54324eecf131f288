package eventstore_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// Whatever is stored is decoded or refused, is not changed by that, and what is decoded can be stored again.
func FuzzDecode(f *testing.F) {
	f.Add("meal.served", 1, "application/json", []byte(`{"name":"Soup","cents":1,"price":{"currency":"CHF"}}`))
	f.Add("meal.served", 2, "application/json", []byte(`{"cents":[],"price":null,"cents":1}`))
	f.Add("meal.served", 2, "application/json", []byte(`{"cents":1,"price":"free"}`))
	f.Add("meal.served", 4, "application/json", []byte(`{}`))
	f.Add("dinner.served", 1, "application/json+gzip", gzipped(f, []byte(`{"\u006eame":"Soup"}`)))
	f.Add("meal.shared", 1, "application/json", []byte(`{"name":"\ud800","who":["Ann","\u0000",""]}`))
	f.Add("meal.shared", 2, "application/json", []byte(`{"guests":7}`))
	f.Add("meal.photographed", 9, "image/png", []byte("\x89PNG"))
	f.Add("meal.paid", 1, "application/json+gzip", []byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, eventType string, schemaVersion int, contentType string, data []byte) {
		decodeAndEncode(t, meals, eventstore.EventData{
			Type: eventType, SchemaVersion: schemaVersion, ContentType: contentType, Data: data,
		})
	})
}

func FuzzDecodeFormats(f *testing.F) {
	f.Add("sensor.measured", "application/x-measured", []byte{200})
	f.Add("sensor.measured", "application/x-measured+gzip", gzipped(f, []byte{1}))
	f.Add("sensor.moved", "application/octet-stream+gzip", gzipped(f, []byte(strings.Repeat("hall", 100))))
	f.Add("sensor.moved", "application/octet-stream", []byte{})
	f.Add("sensor.installed", "text/spaced", []byte("h a l l"))
	f.Add("sensor.sealed", "application/json", []byte(`{"By":"Ann"}`))
	f.Add("sensor.sealed", "application/json", []byte(`null`))
	f.Fuzz(func(t *testing.T, eventType, contentType string, data []byte) {
		decodeAndEncode(t, sensors, eventstore.EventData{
			Type: eventType, SchemaVersion: 1, ContentType: contentType, Data: data,
		})
	})
}

// decodeAndEncode decodes stored data, and checks that the events that are made of it are what is stored of them.
func decodeAndEncode[E any](t *testing.T, codec eventstore.Codec[E], data eventstore.EventData) {
	t.Helper()
	given := bytes.Clone(data.Data)
	events, err := codec.Decode(stored(data))
	assert.Equal(t, given, data.Data, "stored data is not changed")
	if err != nil {
		assert.Empty(t, events)
		assert.ErrorContains(t, err, `stream "fruit-7", position 41`)
		return
	}
	for _, event := range events {
		encoded, err := codec.Encode(event)
		require.NoError(t, err)
		again, err := codec.Decode(stored(encoded))
		require.NoError(t, err)
		assert.Equal(t, []E{event}, again)
	}
}

// Stored bytes with which nothing is done stay as they are, and what is edited is JSON again, of which package json
// says the same.
func FuzzFields(f *testing.F) {
	for _, data := range []string{
		`{"a":1,"b":{"c":[{}]},"a":2}`, ` { "\u0061" : 1e999 , "é":"\\" } `, `{"A":null}`,
		`{}`, `[]`, `null`, `{"a":1}x`, `{"a":{`, ``,
		`{"b":{"b":` + strings.Repeat("[", 998) + strings.Repeat("]", 998) + `}}`, "{\"\xff\":\"\xff\"}",
	} {
		f.Add([]byte(data), "a", "b")
	}
	f.Fuzz(func(t *testing.T, data []byte, name, to string) {
		unchanged, err := edited(string(data), func(f *eventstore.Fields) { f.In(to); f.Remove(name + to + "\x00") })
		if err == nil {
			assert.Equal(t, string(data), unchanged)
		}
		var value json.RawMessage
		var found bool
		got, err := edited(string(data), func(f *eventstore.Fields) {
			value, found = f.Get(name)
			f.Rename(name, to)
			f.Set("set", to)
			f.In("made").Default(name, true)
		}, func(f *eventstore.Fields) { f.Move(to, f.In("made"), to) })
		if err != nil {
			return
		}
		require.True(t, json.Valid([]byte(got)), got)
		if !utf8.Valid(data) || !utf8.ValidString(name) || !utf8.ValidString(to) || to == "set" || to == "made" {
			return // package json changes such names; the others take part in the edits
		}
		var before map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &before))
		expected, exists := before[name]
		assert.Equal(t, exists, found)
		assert.Equal(t, string(expected), string(value))
	})
}
