package eventstore_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

type fruitEvent interface{ fruit() }

type (
	picked struct {
		Kind   string          `json:"kind"`
		Weight float64         `json:"weight,omitempty"`
		Notes  json.RawMessage `json:"notes,omitempty"`
	}
	eaten    struct{}
	unnamed  struct{}
	renamed  string
	byHand   struct{ Value int }
	pointers struct{ Next *int }
)

func (picked) fruit()   {}
func (eaten) fruit()    {}
func (unnamed) fruit()  {}
func (renamed) fruit()  {}
func (byHand) fruit()   {}
func (pointers) fruit() {}

// MarshalJSON gives what UnmarshalJSON does not take.
func (byHand) MarshalJSON() ([]byte, error) { return []byte(`"by hand"`), nil }

func (*byHand) UnmarshalJSON([]byte) error { return assert.AnError }

var fruits = eventstore.JSON("fruit", map[string]fruitEvent{
	"fruit.picked":   picked{},
	"fruit.eaten":    eaten{},
	"fruit.renamed":  renamed(""),
	"fruit.by-hand":  byHand{},
	"fruit.pointers": pointers{},
})

// stored returns what a store makes of encoded data.
func stored(data eventstore.EventData) eventstore.RecordedEvent {
	return eventstore.RecordedEvent{
		ID: uuid.Max, Stream: eventstore.StreamID{Category: "fruit", Key: "7"}, Version: 3, Position: 41,
		Type: data.Type, SchemaVersion: data.SchemaVersion, ContentType: data.ContentType, Data: data.Data,
	}
}

func TestJSONRoundTrip(t *testing.T) {
	next := 4
	for _, c := range []struct {
		event fruitEvent
		name  string
		data  string
	}{
		{picked{Kind: "pear", Weight: 0.25}, "fruit.picked", `{"kind":"pear","weight":0.25}`},
		{picked{Kind: "Ω\u0000\"\\\u2028", Notes: json.RawMessage(`{"a":[1,2]}`)}, "fruit.picked", ""},
		{picked{}, "fruit.picked", `{"kind":""}`},
		{eaten{}, "fruit.eaten", `{}`},
		{renamed("plum"), "fruit.renamed", `"plum"`},
		{pointers{Next: &next}, "fruit.pointers", `{"Next":4}`},
	} {
		data, err := fruits.Encode(c.event)
		require.NoError(t, err)
		assert.Equal(t, c.name, data.Type)
		assert.Equal(t, 1, data.SchemaVersion)
		assert.Equal(t, eventstore.ContentTypeJSON, data.ContentType)
		assert.Zero(t, data.ID)
		assert.True(t, data.Metadata.IsZero())
		if c.data != "" {
			assert.Equal(t, c.data, string(data.Data))
		}
		again, err := fruits.Encode(c.event)
		require.NoError(t, err)
		assert.Equal(t, data, again, "the same event always gives the same bytes")

		events, err := fruits.Decode(stored(data))
		require.NoError(t, err)
		assert.Equal(t, []fruitEvent{c.event}, events)
	}
}

func TestJSONTakesPointersForTheirValues(t *testing.T) {
	value, err := fruits.Encode(picked{Kind: "pear"})
	require.NoError(t, err)
	pointer, err := fruits.Encode(&picked{Kind: "pear"})
	require.NoError(t, err)
	assert.Equal(t, value, pointer)

	events, err := fruits.Decode(stored(pointer))
	require.NoError(t, err)
	assert.Equal(t, []fruitEvent{picked{Kind: "pear"}}, events)
}

func TestJSONRefusesToEncode(t *testing.T) {
	var missing *picked
	for name, c := range map[string]struct {
		event fruitEvent
		says  string
	}{
		"nil":                {nil, `encode event of category "fruit": invalid argument: the event is nil`},
		"a nil pointer":      {missing, `encode event of category "fruit": invalid argument: the event is nil`},
		"an event not named": {unnamed{}, `invalid argument: eventstore_test.unnamed is not in its codec`},
		"and by pointer":     {&unnamed{}, `invalid argument: eventstore_test.unnamed is not in its codec`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fruits.Encode(c.event)
			assert.ErrorIs(t, err, eventstore.ErrInvalid)
			assert.ErrorContains(t, err, c.says)
		})
	}
	_, err := fruits.Encode(picked{Weight: math.NaN()})
	var unsupported *json.UnsupportedValueError
	assert.ErrorAs(t, err, &unsupported)
	assert.ErrorContains(t, err, `encode event "fruit.picked": `)
}

func TestJSONNamesWhatItDoesNotKnow(t *testing.T) {
	known, err := fruits.Encode(eaten{})
	require.NoError(t, err)
	_, err = fruits.Decode(stored(known))
	require.NoError(t, err)

	for name, change := range map[string]func(*eventstore.EventData){
		"type":           func(e *eventstore.EventData) { e.Type = "fruit.Eaten" },
		"schema version": func(e *eventstore.EventData) { e.SchemaVersion = 2 },
		"content type":   func(e *eventstore.EventData) { e.ContentType = "application/protobuf" },
	} {
		t.Run(name, func(t *testing.T) {
			data := known
			change(&data)
			_, err := fruits.Decode(stored(data))
			require.ErrorIs(t, err, eventstore.ErrUnknownType)
			for _, part := range []string{data.Type, data.ContentType, `stream "fruit-7"`, "version 3", "position 41"} {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}

func TestJSONNamesWhatItCannotDecode(t *testing.T) {
	for _, c := range []struct{ eventType, data string }{
		{"fruit.picked", `{"kind":7}`},
		{"fruit.picked", `[]`},
		{"fruit.picked", `{"kind":"pear"`},
		{"fruit.picked", ``},
		{"fruit.by-hand", `"by hand"`},
	} {
		_, err := fruits.Decode(stored(eventstore.EventData{
			Type: c.eventType, SchemaVersion: 1, ContentType: eventstore.ContentTypeJSON, Data: []byte(c.data),
		}))
		require.Error(t, err, c.data)
		assert.NotErrorIs(t, err, eventstore.ErrUnknownType)
		for _, part := range []string{c.eventType, `stream "fruit-7"`, "version 3", "position 41"} {
			assert.ErrorContains(t, err, part)
		}
	}
}

func TestJSONDecodesIntoMemoryOfItsOwn(t *testing.T) {
	data, err := fruits.Encode(picked{Kind: "pear", Notes: json.RawMessage(`"sweet"`)})
	require.NoError(t, err)
	events, err := fruits.Decode(stored(data))
	require.NoError(t, err)
	clear(data.Data)
	assert.Equal(t, []fruitEvent{picked{Kind: "pear", Notes: json.RawMessage(`"sweet"`)}}, events)
}

func TestJSONShowsMistakesWhenTheProgramStarts(t *testing.T) {
	for name, c := range map[string]struct {
		category string
		types    map[string]fruitEvent
		says     string
	}{
		"empty category":    {"", nil, "category is empty"},
		"category with '-'": {"fruit-salad", nil, "has a '-'"},
		"empty name":        {"fruit", map[string]fruitEvent{"": eaten{}}, "Type is empty"},
		"name with NUL":     {"fruit", map[string]fruitEvent{"a\x00": eaten{}}, "contains NUL"},
		"name not UTF-8":    {"fruit", map[string]fruitEvent{"a\xff": eaten{}}, "not valid UTF-8"},
		"long name": {
			"fruit", map[string]fruitEvent{strings.Repeat("n", eventstore.MaxTypeBytes+1): eaten{}}, "the limit is 256",
		},
		"nil event": {"fruit", map[string]fruitEvent{"fruit.eaten": nil}, "the event is nil"},
		"pointer": {
			"fruit", map[string]fruitEvent{"fruit.eaten": &eaten{}}, "eaten is a pointer, give the value",
		},
		"two names": {"fruit", map[string]fruitEvent{"fruit.a": eaten{}, "fruit.b": eaten{}}, "is named "},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				message, _ := recover().(string)
				assert.True(t, strings.HasPrefix(message, "eventstore.JSON: "), message)
				assert.Contains(t, message, c.says)
			}()
			eventstore.JSON(c.category, c.types)
		})
	}
	assert.NotPanics(t, func() {
		eventstore.JSON("fruit", map[string]fruitEvent{strings.Repeat("n", eventstore.MaxTypeBytes): eaten{}})
	})
}

func TestOpen(t *testing.T) {
	data, err := fruits.Encode(picked{Kind: "pear"})
	require.NoError(t, err)
	recorded := stored(data)
	recorded.Metadata = eventstore.Metadata{Actor: "gardener"}

	envelopes, err := eventstore.Open(fruits, recorded)
	require.NoError(t, err)
	assert.Equal(t, []eventstore.Envelope[fruitEvent]{{
		Event: picked{Kind: "pear"}, ID: uuid.Max, Stream: recorded.Stream, Version: 3, Position: 41,
		Metadata: recorded.Metadata,
	}}, envelopes)

	recorded.Type = "fruit.unknown"
	_, err = eventstore.Open(fruits, recorded)
	assert.ErrorIs(t, err, eventstore.ErrUnknownType)
}

// stone has its form in JSON by pointer only, as big.Int has.
type stone struct{ weight int }

func (s *stone) MarshalJSON() ([]byte, error) { return json.Marshal(s.weight) }

func (s *stone) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &s.weight) }

func TestMethodsOfPointersAreFound(t *testing.T) {
	type bag struct {
		Stone  stone
		Stones [1]stone
		Sum    big.Int
	}
	codec := eventstore.JSON("stone", map[string]any{"stone.found": stone{}, "stone.packed": bag{}})
	for want, event := range map[string]any{
		`7`:                                stone{7},
		`{"Stone":1,"Stones":[2],"Sum":3}`: bag{stone{1}, [1]stone{{2}}, *big.NewInt(3)},
	} {
		byValue, err := codec.Encode(event)
		require.NoError(t, err)
		assert.Equal(t, want, string(byValue.Data))
		decoded, err := codec.Decode(stored(byValue))
		require.NoError(t, err)
		assert.Equal(t, []any{event}, decoded)
	}
	byPointer, err := codec.Encode(&stone{7})
	require.NoError(t, err)
	assert.Equal(t, `7`, string(byPointer.Data))
}
