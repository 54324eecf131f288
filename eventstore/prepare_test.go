package eventstore_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

var basket = eventstore.StreamID{Category: "basket", Key: "1"}

// one is an append of one event that is valid but for what change does to it.
func one(change func(*eventstore.EventData)) []eventstore.Write {
	event := eventstore.EventData{Type: "basket.filled", Data: []byte(`{}`)}
	if change != nil {
		change(&event)
	}
	return []eventstore.Write{{Stream: basket, Events: []eventstore.EventData{event}}}
}

// events is an append of events with the same data.
func events(count int, data string) []eventstore.Write {
	write := eventstore.Write{Stream: basket, Events: make([]eventstore.EventData, count)}
	for i := range write.Events {
		write.Events[i] = eventstore.EventData{Type: "t", ContentType: "text/plain", Data: []byte(data)}
	}
	return []eventstore.Write{write}
}

func TestPrepareCompletesEvents(t *testing.T) {
	ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{
		CorrelationID: "c", Actor: "context", Values: map[string]string{"k": "context", "l": "context"},
	})
	writes := one(func(e *eventstore.EventData) {
		e.Metadata = eventstore.Metadata{Actor: "event", Values: map[string]string{"k": "event"}}
	})
	prepared, err := eventstore.Prepare(ctx, writes)
	require.NoError(t, err)
	assert.Equal(t, 1, prepared.Events)
	assert.False(t, prepared.GivenIDs)
	require.Len(t, prepared.Writes, 1)
	assert.Equal(t, basket, prepared.Writes[0].Stream)

	event := prepared.Writes[0].Events[0]
	assert.Equal(t, uuid.Version(7), event.ID.Version())
	assert.Equal(t, 1, event.SchemaVersion)
	assert.Equal(t, eventstore.ContentTypeJSON, event.ContentType)
	assert.Equal(t, eventstore.Metadata{
		CorrelationID: "c", Actor: "event", Values: map[string]string{"k": "event", "l": "context"},
	}, event.Metadata)

	assert.Zero(t, writes[0].Events[0].ID, "the caller's events are left as they are")
	assert.Equal(t, map[string]string{"k": "event"}, writes[0].Events[0].Metadata.Values)
	assert.NotNil(t, prepared.Writes[0].Events)
}

func TestPrepareKeepsWhatIsGiven(t *testing.T) {
	given := eventstore.EventData{
		ID: uuid.Max, Type: "t", SchemaVersion: math.MaxInt16, ContentType: "application/x", Data: []byte{0, 0xff},
	}
	prepared, err := eventstore.Prepare(t.Context(), []eventstore.Write{
		{Stream: basket, Expected: eventstore.Exactly(7), Events: []eventstore.EventData{given}},
	})
	require.NoError(t, err)
	assert.True(t, prepared.GivenIDs)
	assert.Equal(t, []eventstore.EventData{given}, prepared.Writes[0].Events)
	assert.EqualValues(t, 7, prepared.Writes[0].Expected)
}

func TestPrepareTakesChecks(t *testing.T) {
	other := eventstore.StreamID{Category: "basket", Key: "2"}
	prepared, err := eventstore.Prepare(t.Context(), []eventstore.Write{
		{Stream: basket, Expected: eventstore.StreamExists},
		{Stream: other, Expected: eventstore.AnyVersion, Events: one(nil)[0].Events},
	})
	require.NoError(t, err)
	assert.Equal(t, 1, prepared.Events)
	assert.Empty(t, prepared.Writes[0].Events)
	assert.Equal(t, other, prepared.Writes[1].Stream)
}

// The same ID may be given in two streams, as IDs are compared within a stream.
func TestPrepareTakesAnIDOncePerStream(t *testing.T) {
	withID := one(func(e *eventstore.EventData) { e.ID = uuid.Max })[0].Events
	other := eventstore.StreamID{Category: "basket", Key: "2"}
	_, err := eventstore.Prepare(t.Context(), []eventstore.Write{
		{Stream: basket, Events: withID},
		{Stream: other, Events: withID},
	})
	assert.NoError(t, err)

	_, err = eventstore.Prepare(t.Context(), []eventstore.Write{{Stream: basket, Events: append(withID, withID[0])}})
	assert.ErrorIs(t, err, eventstore.ErrInvalid)
	assert.ErrorContains(t, err, `append to stream "basket-1": invalid argument: ID ffffffff-`)
}

func TestPrepareAtTheLimits(t *testing.T) {
	megabytes := func(n int) []eventstore.Write { return events(n, strings.Repeat("x", 1<<20)) }
	nested := func(n int) []eventstore.Write { return one(data(strings.Repeat("[", n) + strings.Repeat("]", n))) }
	for name, c := range map[string]struct {
		atLimit, beyond []eventstore.Write
		says            string
	}{
		"Type": {
			one(func(e *eventstore.EventData) { e.Type = strings.Repeat("t", 256) }),
			one(func(e *eventstore.EventData) { e.Type = strings.Repeat("t", 257) }),
			"event 0: invalid argument: Type is 257 bytes, the limit is 256",
		},
		"ContentType": {
			one(func(e *eventstore.EventData) { e.ContentType = strings.Repeat("t", 256) }),
			one(func(e *eventstore.EventData) { e.ContentType = strings.Repeat("t", 257) }),
			"ContentType is 257 bytes, the limit is 256",
		},
		"SchemaVersion": {
			one(schemaVersion(32_767)), one(schemaVersion(32_768)),
			"SchemaVersion is 32768, the range is 1 to 32767",
		},
		"least SchemaVersion": {
			one(schemaVersion(1)), one(schemaVersion(-1)),
			"SchemaVersion is -1, the range is 1 to 32767",
		},
		"Data": {
			events(1, strings.Repeat("x", 16<<20)), events(1, strings.Repeat("x", 16<<20+1)),
			"Data is 16777217 bytes, the limit is 16777216",
		},
		"nesting": {
			nested(1000), nested(1001),
			"Data is nested deeper than the limit of 1000",
		},
		"Metadata": {
			one(values(map[string]string{"key": strings.Repeat("v", 64<<10-3)})),
			one(values(map[string]string{"key": strings.Repeat("v", 64<<10-2)})),
			"metadata is 65537 bytes, the limit is 65536",
		},
		"events": {
			events(10_000, "x"), events(10_001, "x"),
			"more events than the limit of 10000",
		},
		"data of all": {
			megabytes(64), append(megabytes(64), another(events(1, "x"))),
			"more data and metadata than the limit of 67108864",
		},
		"streams": {
			streams(1000), streams(1001),
			"append: invalid argument: 1001 streams, the limit is 1000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := eventstore.Prepare(t.Context(), c.atLimit)
			assert.NoError(t, err)
			_, err = eventstore.Prepare(t.Context(), c.beyond)
			assert.ErrorIs(t, err, eventstore.ErrInvalid)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

func TestPrepareRefuses(t *testing.T) {
	withID := func(e *eventstore.EventData) { e.ID = uuid.Max }
	emptyType := func(e *eventstore.EventData) { e.Type = "" }
	typeWithNUL := func(e *eventstore.EventData) { e.Type = "t\x00" }
	contentTypeNotUTF8 := func(e *eventstore.EventData) { e.ContentType = "\xff" }
	actorNotUTF8 := func(e *eventstore.EventData) { e.Metadata.Actor = "\xff" }
	withoutKey := eventstore.StreamID{Category: "basket"}
	for says, writes := range map[string][]eventstore.Write{
		"append: invalid argument: there are no writes":                nil,
		`append: invalid argument: stream "basket-1" is named twice`:   append(one(nil), one(nil)...),
		`append to stream "basket-": invalid argument: key is empty`:   {{Stream: withoutKey}},
		"expected version is negative":                                 {{Stream: basket, Expected: eventstore.Exactly(-3)}},
		"ID is given for some events of the append and not for others": append(one(nil), another(one(withID))),
		"event 0: invalid argument: Type is empty":                     one(emptyType),
		`Type "t\x00" contains NUL`:                                    one(typeWithNUL),
		`ContentType "\xff" is not valid UTF-8`:                        one(contentTypeNotUTF8),
		`metadata Actor "\xff" is not valid UTF-8`:                     one(actorNotUTF8),
		`metadata key "\xff" is not valid UTF-8`:                       one(values(map[string]string{"\xff": ""})),
		`metadata value "\xff" is not valid UTF-8`:                     one(values(map[string]string{"": "\xff"})),
	} {
		_, err := eventstore.Prepare(t.Context(), writes)
		assert.ErrorIs(t, err, eventstore.ErrInvalid)
		assert.ErrorContains(t, err, says)
	}
}

func schemaVersion(version int) func(*eventstore.EventData) {
	return func(e *eventstore.EventData) { e.SchemaVersion = version }
}

func values(values map[string]string) func(*eventstore.EventData) {
	return func(e *eventstore.EventData) { e.Metadata.Values = values }
}

// another is the write of an append, to another stream.
func another(writes []eventstore.Write) eventstore.Write {
	writes[0].Stream.Key = "another"
	return writes[0]
}

func streams(count int) []eventstore.Write {
	writes := make([]eventstore.Write, count)
	for i := range writes {
		writes[i].Stream = eventstore.StreamID{Category: "basket", Key: fmt.Sprint(i)}
	}
	return writes
}

func data(data string) func(*eventstore.EventData) {
	return func(e *eventstore.EventData) { e.Data = []byte(data) }
}

func TestPrepareRefusesWhatIsNotJSON(t *testing.T) {
	for _, text := range []string{
		"", " ", "{", "{}{}", "nul", "'a'", "[1,]", "\xef\xbb\xbf{}", "\"\xff\"", "\"\xed\xa0\x80\"",
		"\"a\nb\"", "01", "NaN",
		strings.Repeat("[", 20_000),
	} {
		_, err := eventstore.Prepare(t.Context(), one(data(text)))
		assert.ErrorIs(t, err, eventstore.ErrInvalid, "%.40q", text)
		assert.ErrorContains(t, err, "Data is application/json but not valid ")
		assert.Less(t, len(err.Error()), 300, "an error does not repeat all of the data")
	}
	for _, text := range []string{
		"null", " 1e999 ", `"\u0000\ud800"`, `{"a":1,"a":2}`,
		strings.Repeat("[", 999) + `"]]]\"[[["` + strings.Repeat("]", 999),
		`"` + strings.Repeat("[", 2000) + `\\"`, "[" + strings.Repeat("[],", 5000) + "[]]",
	} {
		_, err := eventstore.Prepare(t.Context(), one(data(text)))
		assert.NoError(t, err, "%.40q", text)
	}
}

func TestPrepareTakesAnyDataOfAnotherContentType(t *testing.T) {
	for _, data := range []string{"", "\x00", "\xff", "{"} {
		_, err := eventstore.Prepare(t.Context(), one(func(e *eventstore.EventData) {
			e.ContentType, e.Data = "application/octet-stream", []byte(data)
		}))
		assert.NoError(t, err)
	}
}

func TestPrepareNamesTheEvent(t *testing.T) {
	writes := events(3, "x")
	writes[0].Events[2].Type = ""
	_, err := eventstore.Prepare(t.Context(), writes)
	assert.EqualError(t, err, `append to stream "basket-1": event 2: invalid argument: Type is empty`)
}
