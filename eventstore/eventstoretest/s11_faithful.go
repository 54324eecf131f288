package eventstoretest

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// faithfulClauses hold: data comes back byte for byte and metadata equal, names are compared by bytes, and what cannot
// be stored is refused before anything is written, by all backends alike.
func faithfulClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "JSON comes back byte for byte", check: jsonIsFaithful},
		{name: "binary data comes back byte for byte", check: binaryIsFaithful},
		{name: "payloads of a megabyte", check: largePayloads},
		{name: "every field comes back", check: everyFieldComesBack},
		{name: "metadata comes back equal", check: metadataComesBack},
		{name: "metadata is completed from the context", check: metadataFromContext},
		{name: "recorded at is the time, in UTC", check: recordedAtIsTheTime},
		{name: "odd keys are distinct", check: oddKeysAreDistinct},
		{name: "odd categories are distinct", check: oddCategoriesAreDistinct},
		{name: "odd types are distinct", check: oddTypesAreDistinct},
		{name: "category and key do not run together", check: categoryAndKeyAreApart},
		{name: "what the caller changes afterwards is not stored", check: callerMayChangeSlices},
		{name: "limits are accepted", check: limitsAreAccepted},
		{name: "the greatest append is accepted", check: greatestAppendIsAccepted},
		{name: "what is beyond a limit or malformed is refused", check: invalidIsRefused},
		{name: "too much is refused", check: tooMuchIsRefused},
	}
}

// comeBack appends events and ends the clause unless all readers give them back.
func (c *trial) comeBack(appended ...eventstore.EventData) {
	c.Helper()
	const key = "faithful"
	c.append(write(key, eventstore.NoStream, appended...))
	for _, store := range c.handles() {
		c.recorded(c.stream(store, key), appended...)
		c.recorded(c.all(store), appended...)
		f := c.follow(store, 0, everything, habits{})
		f.reaches(c.head(store))
		c.recorded(f.seen(), appended...)
	}
}

func jsonIsFaithful(c *trial) {
	var appended []eventstore.EventData
	for _, data := range []string{
		`{}`, `[]`, `null`, `true`, `0`, `""`, `"\u0000"`, `{"\u0000":"\u0000"}`,
		" { \"b\" : 1 ,\t\"a\"\r\n: [ ] }\n", `{"z":1,"a":2,"z":3}`,
		`"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `"😀 \/ \u002f é e\u0301"`,
		`1e400`, `-0`, `-0.0`, `1E+2`, `0.10000000000000000000000000000001`,
		`123456789012345678901234567890123456789012345678901234567890`, `"` + "\u2028\u2029\ufeff\ufffd\x7f" + `"`,
		`{"":{"":[[],{},"",null]}}`, strings.Repeat("[", 500) + strings.Repeat("]", 500),
	} {
		e := event("")
		e.Data = []byte(data)
		appended = append(appended, e)
	}
	c.comeBack(appended...)
}

func binaryIsFaithful(c *trial) {
	everyByte := make([]byte, 256)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	var appended []eventstore.EventData
	for _, data := range [][]byte{nil, {}, {0}, everyByte, []byte(`\x00`), []byte("{broken"), {0xff, 0xfe}} {
		appended = append(appended, binary(data))
	}
	mixed := event("JSON between")
	c.comeBack(append(appended, mixed, binary(everyByte))...)
}

func binary(data []byte) eventstore.EventData {
	return eventstore.EventData{Type: testType, ContentType: "application/octet-stream", Data: data}
}

func largePayloads(c *trial) {
	const megabyte = 1 << 20
	random := c.newRandom(1)
	noise := make([]byte, megabyte)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	text := event(strings.Repeat("0123456789abcdef", megabyte/16))
	c.comeBack(text, binary(noise), event("small"), binary(bytes.Repeat([]byte{0}, 3*megabyte)), text)
}

func everyFieldComesBack(c *trial) {
	full := identified("full")
	full.Type = "Type with ünïcode, 'quotes' and spaces"
	full.SchemaVersion = 32_767
	full.ContentType = "application/json; charset=utf-8"
	full.Metadata = eventstore.Metadata{
		CorrelationID: "correlation", CausationID: "causation", Actor: "actor",
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		Values:      map[string]string{"tenant": "7"},
	}
	c.comeBack(full, identified("plain"))
}

func metadataComesBack(c *trial) {
	odd := "quote \", backslash \\, \u2028, 😀, <&>"
	var appended []eventstore.EventData
	for _, metadata := range []eventstore.Metadata{
		{},
		{Actor: odd},
		{CorrelationID: odd, CausationID: odd, Actor: odd, TraceParent: odd, Values: map[string]string{odd: odd}},
		{Values: map[string]string{}},
		{Values: map[string]string{"": ""}},
		{Values: map[string]string{"actor": "not the actor", "Values": "1", "values": "2", "a": "", "A": "x"}},
	} {
		e := event("metadata")
		e.Metadata = metadata
		appended = append(appended, e)
	}
	c.comeBack(appended...)
}

func metadataFromContext(c *trial) {
	outer := eventstore.WithMetadata(c.ctx, eventstore.Metadata{
		CorrelationID: "request", Actor: "somebody", Values: map[string]string{"tenant": "1", "region": "north"},
	})
	ctx := eventstore.WithMetadata(outer, eventstore.Metadata{Actor: "me", Values: map[string]string{"region": "south"}})
	own := event("own")
	own.Metadata = eventstore.Metadata{CorrelationID: "own", Values: map[string]string{"tenant": "2"}}
	_, err := c.Store.Append(ctx, write("a", eventstore.NoStream, own, event("plain")), begins("b"))
	c.ok(err, "append with metadata in the context")
	all := c.all(c.Store)
	equal(c, "metadata of an event with its own", all[0].Metadata, eventstore.Metadata{
		CorrelationID: "own", Actor: "me", Values: map[string]string{"tenant": "2", "region": "south"},
	})
	for _, e := range all[1:] {
		equal(c, "metadata from the context", e.Metadata, eventstore.Metadata{
			CorrelationID: "request", Actor: "me", Values: map[string]string{"tenant": "1", "region": "south"},
		})
	}
}

func recordedAtIsTheTime(c *trial) {
	// The store's clock may be another machine's.
	const tolerance = 24 * time.Hour
	c.append(write("a", eventstore.NoStream, events(3)...))
	for _, e := range c.all(c.Store) {
		if since := time.Since(e.RecordedAt); since.Abs() > tolerance {
			c.Fatalf("RecordedAt is %v, %v ago", e.RecordedAt, since)
		}
		if e.RecordedAt.Location() != time.UTC {
			c.Fatalf("RecordedAt is in %v, it must be in UTC", e.RecordedAt.Location())
		}
		if !e.RecordedAt.Equal(e.RecordedAt.Truncate(time.Microsecond)) {
			c.Fatalf("RecordedAt is %v, finer than a microsecond", e.RecordedAt)
		}
	}
}

func callerMayChangeSlices(c *trial) {
	f := c.follow(c.Store, 0, everything, habits{})
	f.starts()
	data := []byte(`{"n":1}`)
	values := map[string]string{"k": "v"}
	given := []eventstore.EventData{{Type: testType, Data: data, Metadata: eventstore.Metadata{Values: values}}}
	writes := []eventstore.Write{{Stream: stream("a"), Events: given}}
	c.append(writes...)
	copy(data, "#######")
	values["k"], values["other"] = "changed", "added"
	given[0] = event("changed")
	writes[0].Stream = stream("b")
	want := eventstore.EventData{
		Type: testType, Data: []byte(`{"n":1}`), Metadata: eventstore.Metadata{Values: map[string]string{"k": "v"}},
	}
	c.recorded(c.stream(c.Store, "a"), want)
	f.reaches(c.head(c.Store))
	c.recorded(f.seen(), want)
}

// limitsAreAccepted appends what is just within each limit.
func limitsAreAccepted(c *trial) {
	atLimit := event("limit")
	atLimit.Type = strings.Repeat("t", eventstore.MaxTypeBytes)
	atLimit.ContentType = strings.Repeat("c", eventstore.MaxContentTypeBytes)
	atLimit.Metadata = eventstore.Metadata{
		Actor:  strings.Repeat("a", eventstore.MaxMetadataBytes/2),
		Values: map[string]string{"k": strings.Repeat("v", eventstore.MaxMetadataBytes/2-1)},
	}
	deep := event("")
	deep.Data = nested(eventstore.MaxJSONDepth)
	c.comeBack(atLimit, deep)
	for _, id := range []eventstore.StreamID{
		{Category: strings.Repeat("c", eventstore.MaxStreamIDBytes-1), Key: "k"},
		{Category: "c", Key: noise(c.random, eventstore.MaxStreamIDBytes-1)},
		{Category: "ä", Key: strings.Repeat("ö", eventstore.MaxStreamIDBytes/2-1)},
	} {
		c.append(eventstore.Write{Stream: id, Expected: eventstore.NoStream, Events: events(1)})
		equal(c, "events of a stream with a long name", len(c.read(c.Store, id, eventstore.ReadOptions{})), 1)
	}
}

// noise returns n bytes of text that does not compress: an index may have to store them as they are.
func noise(random *rand.Rand, n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('!' + random.IntN('~'-'!'))
	}
	return string(text)
}

func nested(depth int) []byte {
	return []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
}

func greatestAppendIsAccepted(c *trial) {
	many := events(eventstore.MaxAppendEvents)
	result := c.append(write("many", eventstore.NoStream, many...))
	equal(c, "version", result.Writes[0].Version, eventstore.MaxAppendEvents)
	c.recorded(c.stream(c.Store, "many"), many...)
	wide := make([]eventstore.Write, eventstore.MaxAppendWrites)
	for i := range wide {
		wide[i] = begins(counted("wide", i))
	}
	result = c.append(wide...)
	c.ok(growing(result), "append to %d streams", len(wide))
	largest := binary(make([]byte, eventstore.MaxDataBytes))
	c.append(write("large", eventstore.NoStream, largest))
	c.recorded(c.stream(c.Store, "large"), largest)
	f := c.follow(c.Store, 0, everything, habits{})
	f.isComplete(c.all(c.Store))
}
