package eventstore_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// The events of a sensor are stored in as many ways as there are.
type sensorEvent interface{ sensor() }

type (
	installed struct{ Room string }
	// measured has its binary form by value, and is read by pointer, as usual.
	measured struct{ Celsius int8 }
	// moved has its binary form by pointer only.
	moved struct{ room string } //nolint:recvcheck // which is what it is for
	// sealed is an event only as a pointer, as protobuf messages are.
	sealed struct{ By string }
)

func (installed) sensor() {}
func (measured) sensor()  {}
func (moved) sensor()     {}
func (*sealed) sensor()   {}

func (m measured) MarshalBinary() ([]byte, error) { return []byte{byte(m.Celsius)}, nil }

func (m *measured) UnmarshalBinary(data []byte) error {
	if len(data) != 1 {
		return errors.New("a measurement is one byte")
	}
	m.Celsius = int8(data[0])
	return nil
}

func (m *moved) MarshalBinary() ([]byte, error) { return []byte(m.room), nil }

func (m *moved) UnmarshalBinary(data []byte) error {
	m.room = string(data)
	return nil
}

var (
	// spaced is a format with letters between spaces, of which it takes no notice.
	spaced = eventstore.Format{
		ContentType: "text/spaced",
		Marshal: func(event any) ([]byte, error) {
			return []byte(strings.Join(strings.Split(event.(installed).Room, ""), " ")), nil
		},
		Unmarshal: func(data []byte, event any) error {
			event.(*installed).Room = strings.ReplaceAll(strings.ToValidUTF8(string(data), "?"), " ", "")
			return nil
		},
	}

	sensorTypes = map[string]sensorEvent{
		"sensor.installed": installed{}, "sensor.measured": measured{}, "sensor.moved": moved{}, "sensor.sealed": &sealed{},
	}

	sensors = eventstore.NewCodec("sensor", sensorTypes, &eventstore.CodecOptions{
		Formats: map[string]eventstore.Format{
			"sensor.measured": eventstore.BinaryFormat("application/x-measured"),
			"sensor.moved":    eventstore.BinaryFormat("application/octet-stream"),
		},
		Reads:         []eventstore.Format{spaced},
		CompressAbove: 100,
	})
)

func TestFormatsMixInAStream(t *testing.T) {
	for _, c := range []struct {
		event       sensorEvent
		contentType string
		data        string
	}{
		{installed{"attic"}, "application/json", `{"Room":"attic"}`},
		{measured{-3}, "application/x-measured", "\xfd"},
		{moved{"hall"}, "application/octet-stream", "hall"},
		{moved{""}, "application/octet-stream", ""},
		{moved{strings.Repeat("hall ", 40)}, "application/octet-stream+gzip", ""},
		{&sealed{"Ann"}, "application/json", `{"By":"Ann"}`},
		{&sealed{strings.Repeat("Ann ", 100)}, "application/json+gzip", ""},
	} {
		data, err := sensors.Encode(c.event)
		require.NoError(t, err)
		assert.Equal(t, c.contentType, data.ContentType)
		if !strings.HasSuffix(c.contentType, "+gzip") {
			assert.Equal(t, c.data, string(data.Data))
		}
		again, err := sensors.Encode(c.event)
		require.NoError(t, err)
		assert.Equal(t, data, again, "the same event always gives the same bytes")

		before := bytes.Clone(data.Data)
		events, err := sensors.Decode(stored(data))
		require.NoError(t, err)
		assert.Equal(t, []sensorEvent{c.event}, events)
		assert.Equal(t, before, data.Data)
	}
}

func TestAPointerToAnEventIsEncodedAsTheEvent(t *testing.T) {
	for value, pointer := range map[sensorEvent]sensorEvent{
		measured{7}: &measured{7}, moved{"hall"}: &moved{"hall"}, installed{"attic"}: &installed{"attic"},
	} {
		want, err := sensors.Encode(value)
		require.NoError(t, err)
		got, err := sensors.Encode(pointer)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := sensors.Encode((*sealed)(nil))
	assert.ErrorIs(t, err, eventstore.ErrInvalid)
}

// Messages must not be copied, so a format is given the very pointer.
func TestFormatsAreGivenEventsAsTheyWereRegistered(t *testing.T) {
	event := &sealed{"Ann"}
	var given any
	codec := eventstore.NewCodec("sensor", sensorTypes, &eventstore.CodecOptions{Format: eventstore.Format{
		ContentType: "text/plain",
		Marshal: func(event any) ([]byte, error) {
			given = event
			return nil, nil
		},
		Unmarshal: spaced.Unmarshal,
	}})
	_, err := codec.Encode(event)
	require.NoError(t, err)
	assert.Same(t, event, given)
	_, err = codec.Encode(&installed{"hall"})
	require.NoError(t, err)
	assert.Equal(t, installed{"hall"}, given)
}

func TestDecodedPointersAreOnesOwn(t *testing.T) {
	data, err := sensors.Encode(&sealed{"Ann"})
	require.NoError(t, err)
	first, err := sensors.Decode(stored(data))
	require.NoError(t, err)
	second, err := sensors.Decode(stored(data))
	require.NoError(t, err)
	assert.NotSame(t, first[0], second[0])
	assert.Equal(t, first, second)
}

// What is decoded has nothing of what was decoded before it, nor of what could not be.
func TestEventsAreDecodedIntoZeroValues(t *testing.T) {
	read := func(data string) (fruitEvent, error) {
		events, err := fruits.Decode(stored(eventstore.EventData{
			Type: "fruit.picked", SchemaVersion: 1, ContentType: eventstore.ContentTypeJSON, Data: []byte(data),
		}))
		if err != nil {
			return nil, err
		}
		return events[0], nil
	}
	first, err := read(`{"kind":"pear","notes":[1]}`)
	require.NoError(t, err)
	_, err = read(`{"kind":"plum","weight":"heavy"}`)
	require.Error(t, err)
	second, err := read(`{"weight":1}`)
	require.NoError(t, err)
	assert.Equal(t, picked{Kind: "pear", Notes: json.RawMessage(`[1]`)}, first)
	assert.Equal(t, picked{Weight: 1}, second)
}

func TestFormatsOfThePastAreRead(t *testing.T) {
	for _, c := range []struct {
		eventType, contentType, data string
		want                         sensorEvent
	}{
		{"sensor.installed", "text/spaced", "h a l l", installed{"hall"}},
		{"sensor.measured", "application/json", `{"Celsius":4}`, measured{4}},
	} {
		events, err := sensors.Decode(stored(eventstore.EventData{
			Type: c.eventType, SchemaVersion: 1, ContentType: c.contentType, Data: []byte(c.data),
		}))
		require.NoError(t, err)
		assert.Equal(t, []sensorEvent{c.want}, events)
	}
	_, err := sensors.Decode(stored(eventstore.EventData{
		Type: "sensor.installed", SchemaVersion: 1, ContentType: "application/x-measured",
	}))
	require.ErrorIs(t, err, eventstore.ErrUnknownType)
	assert.ErrorContains(t, err, `its codec reads no data of content type "application/x-measured"`)
}

func TestAFormatForAllTypes(t *testing.T) {
	codec := eventstore.NewCodec("sensor", map[string]sensorEvent{"sensor.installed": installed{}},
		&eventstore.CodecOptions{Format: spaced})
	data, err := codec.Encode(installed{"hall"})
	require.NoError(t, err)
	assert.Equal(t, eventstore.EventData{
		Type: "sensor.installed", SchemaVersion: 1, ContentType: "text/spaced", Data: []byte("h a l l"),
	}, data)
}

func TestBinaryDataThatIsNoEvent(t *testing.T) {
	_, err := sensors.Decode(stored(eventstore.EventData{
		Type: "sensor.measured", SchemaVersion: 1, ContentType: "application/x-measured", Data: []byte("too long"),
	}))
	require.ErrorContains(t, err, "a measurement is one byte")
	assert.ErrorContains(t, err, `decode event "sensor.measured" (schema version 1, application/x-measured) at version 3`)
}

func TestAFamilyThatIsOneType(t *testing.T) {
	values := eventstore.NewCodec("sensor", map[string]installed{"sensor.installed": {}}, nil)
	pointers := eventstore.NewCodec("sensor", map[string]*sealed{"sensor.sealed": {}}, nil)
	value, err := values.Encode(installed{"hall"})
	require.NoError(t, err)
	pointer, err := pointers.Encode(&sealed{"Ann"})
	require.NoError(t, err)

	decodedValue, err := values.Decode(stored(value))
	require.NoError(t, err)
	assert.Equal(t, []installed{{"hall"}}, decodedValue)
	decodedPointer, err := pointers.Decode(stored(pointer))
	require.NoError(t, err)
	assert.Equal(t, []*sealed{{"Ann"}}, decodedPointer)
}

func TestNewCodecShowsMistakesWhenTheProgramStarts(t *testing.T) {
	binary := eventstore.BinaryFormat("application/octet-stream")
	tooLong := strings.Repeat("a", 252)
	without := func(change func(*eventstore.Format)) *eventstore.CodecOptions {
		format := spaced
		change(&format)
		return &eventstore.CodecOptions{Format: format}
	}
	for says, options := range map[string]*eventstore.CodecOptions{
		"installed is no encoding.BinaryMarshaler":      {Format: binary},
		"sealed is no encoding.BinaryMarshaler":         {Formats: map[string]eventstore.Format{"sensor.sealed": binary}},
		`a format is given for "sensor.removed"`:        {Formats: map[string]eventstore.Format{"sensor.removed": spaced}},
		"CompressAbove is -1":                           {CompressAbove: -1},
		`"a/b+gzip" is no content type of a format`:     {Reads: []eventstore.Format{eventstore.BinaryFormat("a/b+gzip")}},
		`"" is no content type of a format`:             {Reads: []eventstore.Format{eventstore.BinaryFormat("")}},
		"ContentType is 257 bytes":                      {Reads: []eventstore.Format{eventstore.BinaryFormat(tooLong)}},
		"the format of text/spaced has no function":     without(func(f *eventstore.Format) { f.Marshal = nil }),
		"the format of text/spaced has no function\x00": without(func(f *eventstore.Format) { f.Unmarshal = nil }),
	} {
		t.Run(says, func(t *testing.T) {
			defer func() {
				message, _ := recover().(string)
				assert.True(t, strings.HasPrefix(message, `eventstore.NewCodec: category "sensor"`), message)
				assert.Contains(t, message, strings.TrimSuffix(says, "\x00"))
			}()
			eventstore.NewCodec("sensor", sensorTypes, options)
		})
	}
	readOnly := eventstore.Format{ContentType: "text/spaced", Unmarshal: spaced.Unmarshal}
	assert.NotPanics(t, func() {
		eventstore.NewCodec("sensor", sensorTypes, &eventstore.CodecOptions{Reads: []eventstore.Format{readOnly, {}}})
	})
	assert.PanicsWithValue(t,
		`eventstore.NewCodec: category "x", event "x.a": invalid argument: *int is a pointer, give the value`,
		func() { eventstore.NewCodec("x", map[string]any{"x.a": new(int)}, nil) })
}

func TestCodecsAreUsedByManyAtOnce(t *testing.T) {
	done := make(chan error)
	for i := range 8 {
		go func() {
			event := moved{fmt.Sprint(i, strings.Repeat(" hall", 50))}
			for range 50 {
				data, err := sensors.Encode(event)
				if err == nil {
					var events []sensorEvent
					if events, err = sensors.Decode(stored(data)); err == nil && events[0] != sensorEvent(event) {
						err = fmt.Errorf("%v is %v", event, events[0])
					}
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		assert.NoError(t, <-done)
	}
}
