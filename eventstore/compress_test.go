package eventstore_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// gzipped compresses otherwise than codecs do.
func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var compressed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&compressed, gzip.BestSpeed)
	require.NoError(t, err)
	writer.Name = "data.json"
	_, err = writer.Write(data)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return compressed.Bytes()
}

// compressedMove is a stored event whose data is compressed.
func compressedMove(data []byte) eventstore.RecordedEvent {
	return stored(eventstore.EventData{
		Type: "sensor.moved", SchemaVersion: 1, ContentType: "application/octet-stream+gzip", Data: data,
	})
}

func TestOnlyLargeDataThatGetsSmallerIsCompressed(t *testing.T) {
	random := make([]byte, 200)
	for i := range random {
		random[i] = byte(rand.N(256))
	}
	for name, c := range map[string]struct {
		room       string
		compressed bool
	}{
		"at the size":     {strings.Repeat("x", 100), false},
		"above it":        {strings.Repeat("x", 101), true},
		"but not smaller": {string(random), false},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := sensors.Encode(moved{c.room})
			require.NoError(t, err)
			if !c.compressed {
				assert.Equal(t, "application/octet-stream", data.ContentType)
				assert.Equal(t, c.room, string(data.Data))
				return
			}
			assert.Equal(t, "application/octet-stream+gzip", data.ContentType)
			assert.Less(t, len(data.Data), 50)
			reader, err := gzip.NewReader(bytes.NewReader(data.Data))
			require.NoError(t, err)
			assert.True(t, reader.ModTime.IsZero())
		})
	}
}

func TestCompressedDataIsReadWithoutOptions(t *testing.T) {
	events, err := fruits.Decode(stored(eventstore.EventData{
		Type: "fruit.picked", SchemaVersion: 1, ContentType: "application/json+gzip",
		Data: gzipped(t, []byte(`{"kind":"pear"}`)),
	}))
	require.NoError(t, err)
	assert.Equal(t, []fruitEvent{picked{Kind: "pear"}}, events)
}

func TestCompressedDataIsUpcast(t *testing.T) {
	events, err := meals.Decode(stored(eventstore.EventData{
		Type: "meal.served", SchemaVersion: 1, ContentType: "application/json+gzip",
		Data: gzipped(t, []byte(`{"name":"Soup"}`)),
	}))
	require.NoError(t, err)
	assert.Equal(t, []mealEvent{soup("", 0, "EUR")}, events)

	events, err = meals.Decode(stored(eventstore.EventData{
		Type: "meal.photographed", SchemaVersion: 1, ContentType: "image/png+gzip", Data: []byte("whatever"),
	}))
	require.NoError(t, err)
	assert.Empty(t, events)
}

func TestTheSizeOfCompressedDataIsLimited(t *testing.T) {
	_, err := sensors.Encode(moved{strings.Repeat("x", eventstore.MaxDataBytes+1)})
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	assert.ErrorContains(t, err, `encode event "sensor.moved": invalid argument: Data is 16777217 bytes before`)

	events, err := sensors.Decode(compressedMove(gzipped(t, make([]byte, eventstore.MaxDataBytes))))
	require.NoError(t, err)
	assert.Len(t, events[0].(moved).room, eventstore.MaxDataBytes)
}

func TestCompressedDataThatIsWrong(t *testing.T) {
	const room = "hall, attic, cellar and house"
	valid := gzipped(t, []byte(room))
	sized := func(size uint32, data []byte) []byte {
		data = bytes.Clone(data)
		binary.LittleEndian.PutUint32(data[len(data)-4:], size)
		return data
	}
	changed := bytes.Clone(valid)
	changed[len(changed)-5] ^= 1
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"empty":             {nil, "unexpected EOF"},
		"no gzip":           {[]byte(room), "limit is 16777216"},
		"no gzip, of size":  {sized(1, []byte(room)), "gzip: invalid header"},
		"cut":               {sized(29, valid[:20]), "unexpected EOF"},
		"another checksum":  {changed, "gzip: invalid checksum"},
		"two of them":       {append(bytes.Clone(valid), valid...), "more than the compressed data"},
		"more behind":       {sized(29, append(bytes.Clone(valid), 1, 2, 3, 4)), "more than the compressed data"},
		"larger than told":  {sized(28, valid), "gzip: invalid checksum"},
		"smaller than told": {sized(30, valid), "gzip: invalid checksum"},
		"bomb":              {sized(3, gzipped(t, make([]byte, eventstore.MaxDataBytes+1))), "gzip: invalid checksum"},
		"honest bomb":       {gzipped(t, make([]byte, eventstore.MaxDataBytes+1)), "16777217 bytes, the limit is 16777216"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sensors.Decode(compressedMove(c.data))
			require.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err,
				`application/octet-stream+gzip) at version 3 of stream "fruit-7", position 41: expand the data: `)
			assert.NotErrorIs(t, err, eventstore.ErrUnknownType)
		})
	}
	events, err := sensors.Decode(compressedMove(valid))
	require.NoError(t, err)
	assert.Equal(t, []sensorEvent{moved{room}}, events)
}

// Who repeats an append may compress otherwise than the first time, or not at all.
func TestRepeatsAreComparedByWhatIsCompressed(t *testing.T) {
	const plain, compressed = eventstore.ContentTypeJSON, eventstore.ContentTypeJSON + "+gzip"
	data := []byte(`{"name":"` + strings.Repeat("Socks ", 20) + `"}`)
	other := []byte(`{"name":"` + strings.Repeat("Shoes ", 20) + `"}`)
	encoded := eventstore.NewCodec("sensor", sensorTypes, &eventstore.CodecOptions{CompressAbove: 1})
	ours, err := encoded.Encode(installed{strings.Repeat("Socks ", 20)})
	require.NoError(t, err)
	theirs := gzipped(t, []byte(`{"Room":"`+strings.Repeat("Socks ", 20)+`"}`))
	require.NotEqual(t, ours.Data, theirs)

	for name, c := range map[string]struct {
		first, again         []byte
		firstType, againType string
		isRepeat             bool
	}{
		"neither":            {data, data, plain, plain, true},
		"the first":          {gzipped(t, data), data, compressed, plain, true},
		"the second":         {data, gzipped(t, data), plain, compressed, true},
		"both":               {gzipped(t, data), gzipped(t, data), compressed, compressed, true},
		"both, otherwise":    {theirs, ours.Data, compressed, compressed, true},
		"other data":         {gzipped(t, data), other, compressed, plain, false},
		"other, both":        {gzipped(t, data), gzipped(t, other), compressed, compressed, false},
		"only said to be so": {data, other, compressed, compressed, false},
		"not said to be so":  {data, gzipped(t, data), "application/x", "application/x", false},
		"of another type":    {data, gzipped(t, data), plain, "application/x+gzip", false},
		"broken":             {gzipped(t, data), gzipped(t, data)[:30], compressed, compressed, false},
	} {
		t.Run(name, func(t *testing.T) {
			event := eventstore.EventData{ID: uuid.UUID{1}, Type: "t", ContentType: c.againType, Data: c.again}
			prepared, err := eventstore.Prepare(t.Context(), []eventstore.Write{
				{Stream: basket, Events: []eventstore.EventData{event}},
			})
			require.NoError(t, err)
			_, isRepeat, err := prepared.FirstResult([]eventstore.RecordedEvent{
				{ID: event.ID, Stream: basket, Version: 1, Position: 1, Type: "t", ContentType: c.firstType, Data: c.first},
			})
			assert.Equal(t, c.isRepeat, isRepeat)
			if !c.isRepeat {
				assert.ErrorIs(t, err, eventstore.ErrIDReused)
				assert.ErrorContains(t, err, "has another type or other data")
			} else {
				assert.NoError(t, err)
			}
		})
	}
}
