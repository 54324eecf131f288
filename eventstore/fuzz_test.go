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

// What a codec can read it can write, and what it writes no longer changes.
func FuzzJSONDecode(f *testing.F) {
	for _, data := range []string{
		`{"kind":"pear","weight":1e2,"notes":{"a": [1]}}`, `{"KIND":"\ud800"}`, `null`, `[]`, ``,
	} {
		f.Add("fruit.picked", 1, []byte(data))
	}
	f.Add("fruit.eaten", 1, []byte(`{}`))
	f.Add("fruit.eaten", 2, []byte(`{}`))
	f.Add("fruit.renamed", 1, []byte(`"<\u0000>"`))
	f.Add("fruit.pointers", 1, []byte(`{"Next":1}`))
	f.Fuzz(func(t *testing.T, eventType string, schemaVersion int, data []byte) {
		given := bytes.Clone(data)
		decoded, err := fruits.Decode(stored(eventstore.EventData{
			Type: eventType, SchemaVersion: schemaVersion, ContentType: eventstore.ContentTypeJSON, Data: data,
		}))
		assert.Equal(t, given, data, "stored data is not changed")
		if err != nil {
			assert.Empty(t, decoded)
			return
		}
		require.Len(t, decoded, 1)
		first, err := fruits.Encode(decoded[0])
		require.NoError(t, err)
		assert.Equal(t, eventType, first.Type)

		again, err := fruits.Decode(stored(first))
		require.NoError(t, err)
		second, err := fruits.Encode(again[0])
		require.NoError(t, err)
		assert.Equal(t, string(first.Data), string(second.Data))
	})
}

func FuzzParseStreamID(f *testing.F) {
	long := strings.Repeat("k", 600)
	for _, s := range []string{"order-42", "order--", "-", "", "$pm.x-1", "a\x00-b", "a-\xff", long + "-" + long} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := eventstore.ParseStreamID(s)
		if err != nil {
			assert.ErrorIs(t, err, eventstore.ErrInvalid)
			return
		}
		assert.NoError(t, id.Validate())
		assert.Equal(t, s, id.String())
	})
}

// The printed form of any valid name can be read back, so no two streams are printed alike.
func FuzzStreamIDString(f *testing.F) {
	f.Add("order", "42")
	f.Add("order", "-4-2")
	f.Add("or-der", "42")
	f.Add("$pm.x", "\u202e")
	f.Fuzz(func(t *testing.T, category, key string) {
		id := eventstore.StreamID{Category: category, Key: key}
		if err := id.Validate(); err != nil {
			assert.ErrorIs(t, err, eventstore.ErrInvalid)
			return
		}
		parsed, err := eventstore.ParseStreamID(id.String())
		assert.NoError(t, err)
		assert.Equal(t, id, parsed)
	})
}

// JSON data is taken when it is UTF-8, JSON, and not nested too deep, as counted by another parser.
func FuzzPrepareJSON(f *testing.F) {
	for _, data := range []string{
		`{}`, `[{"a":["]"]}]`, `"\\\""`, `"\u0000"`, "\"\xff\"", `nul`, ` 1 `, `1 2`, ``,
		strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
		strings.Repeat(`{"[":`, 1000) + "[]" + strings.Repeat("}", 1000), `1e999`,
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := eventstore.Prepare(t.Context(), one(func(e *eventstore.EventData) { e.Data = data }))
		valid := utf8.Valid(data) && json.Valid(data) && depth(t, data) <= eventstore.MaxJSONDepth
		if valid {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, eventstore.ErrInvalid)
		}
	})
}

// depth returns how deep valid JSON is nested.
func depth(t *testing.T, data []byte) int {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // JSON sets numbers no bounds, float64 does
	depth, deepest := 0, 0
	for decoder.More() || depth > 0 {
		token, err := decoder.Token()
		require.NoError(t, err)
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
			deepest = max(deepest, depth)
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
	return deepest
}
