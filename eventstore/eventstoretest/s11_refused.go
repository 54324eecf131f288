package eventstoretest

import (
	"fmt"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
)

// refusal is an argument that no backend stores, and what the error must name.
type refusal struct {
	name  string
	write eventstore.Write
	says  []string
}

func invalidIsRefused(c *trial) {
	for _, r := range append(refusedStreams(), refusedEvents()...) {
		for _, writes := range [][]eventstore.Write{
			{r.write},
			{begins("beside"), r.write},
			{r.write, begins("beside")},
		} {
			c.refusesSaying(r, writes...)
		}
	}
	c.shows(c.Store)
	equal(c, "head", c.head(c.Store), 0)
}

// refusesSaying ends the clause when an append is not refused, with an error that names the field and the limit.
func (c *trial) refusesSaying(r refusal, writes ...eventstore.Write) {
	c.Helper()
	_, err := c.Store.Append(c.ctx, writes...)
	c.fails(err, eventstore.ErrInvalid, "append with %s", r.name)
	for _, word := range r.says {
		if !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(word)) {
			c.Fatalf("append with %s: the error does not say %q: %v", r.name, word, err)
		}
	}
}

// badNames are what no name may be.
func badNames() map[string]string {
	return map[string]string{
		"empty":                 "",
		"NUL":                   "a\x00b",
		"an invalid byte":       "a\xffb",
		"a surrogate":           "\xed\xa0\x80",
		"an overlong form":      "\xc0\x80",
		"a cut-off character":   "a\xe2\x82",
		"beyond the last of it": "\xf4\x90\x80\x80",
	}
}

func refusedStreams() []refusal {
	tooLong := strings.Repeat("x", eventstore.MaxStreamIDBytes)
	named := func(name string, id eventstore.StreamID, says ...string) refusal {
		return refusal{name, eventstore.Write{Stream: id, Expected: eventstore.AnyVersion, Events: events(1)}, says}
	}
	refusals := []refusal{
		named("a '-' in the category", eventstore.StreamID{Category: "a-b", Key: "k"}, "category"),
		named("a '-' as the category", eventstore.StreamID{Category: "-", Key: "k"}, "category"),
		named("a long key", eventstore.StreamID{Category: "c", Key: tooLong}, "key", "1024"),
		named("a long category", eventstore.StreamID{Category: tooLong, Key: "k"}, "category", "1023"),
		named("a long category and key", eventstore.StreamID{Category: tooLong[:512], Key: tooLong[:513]},
			"category and key", "1024"),
	}
	for what, name := range badNames() {
		refusals = append(refusals,
			named("a category: "+what, eventstore.StreamID{Category: name, Key: "k"}, "category"),
			named("a key: "+what, eventstore.StreamID{Category: "c", Key: name}, "key"))
	}
	return refusals
}

func refusedEvents() []refusal {
	with := func(name string, change func(e *eventstore.EventData), says ...string) refusal {
		e := event("refused")
		change(&e)
		return refusal{name, write("refused", eventstore.AnyVersion, events(1)[0], e), says}
	}
	json := func(name, data string) refusal {
		return with("JSON: "+name, func(e *eventstore.EventData) { e.Data = []byte(data) }, "data", "JSON")
	}
	refusals := []refusal{
		with("a long type", func(e *eventstore.EventData) { e.Type = strings.Repeat("t", eventstore.MaxTypeBytes+1) },
			"type", "256"),
		with("a long content type", func(e *eventstore.EventData) {
			e.ContentType = strings.Repeat("t", eventstore.MaxContentTypeBytes+1)
		}, "contenttype", "256"),
		with("a negative schema version", func(e *eventstore.EventData) { e.SchemaVersion = -1 }, "schemaversion", "32767"),
		with("a great schema version", func(e *eventstore.EventData) { e.SchemaVersion = 32_768 }, "schemaversion", "32767"),
		with("deep JSON", func(e *eventstore.EventData) { e.Data = nested(eventstore.MaxJSONDepth + 1) }, "data", "1000"),
		with("long metadata", func(e *eventstore.EventData) {
			e.Metadata.Values = map[string]string{"k": strings.Repeat("v", eventstore.MaxMetadataBytes)}
		}, "metadata", "65536"),
		with("metadata that is not UTF-8", func(e *eventstore.EventData) { e.Metadata.Actor = "\xff" }, "metadata", "actor"),
		with("a metadata key that is not UTF-8", func(e *eventstore.EventData) {
			e.Metadata.Values = map[string]string{"\xff": ""}
		}, "metadata"),
		with("metadata with NUL", func(e *eventstore.EventData) { e.Metadata.CorrelationID = "a\x00" }, "metadata", "correlation"),
		with("a metadata value with NUL", func(e *eventstore.EventData) {
			e.Metadata.Values = map[string]string{"k": "\x00"}
		}, "metadata"),
		json("empty", ""), json("space", " "), json("cut off", `{"a":`), json("two values", "{} {}"),
		json("NUL", "\x00"), json("a NUL in a string", "\"\x00\""), json("a control character", "\"\n\""),
		json("not UTF-8", "\"\xff\""), json("a name", "undefined"), json("a leading zero", "01"), json("a BOM", "\ufeff{}"),
		json("a comma too many", "[1,]"),
	}
	for what, name := range badNames() {
		refusals = append(refusals, with("a type: "+what, func(e *eventstore.EventData) { e.Type = name }, "type"))
		if name != "" {
			refusals = append(refusals,
				with("a content type: "+what, func(e *eventstore.EventData) { e.ContentType = name }, "contenttype"))
		}
	}
	return refusals
}

func tooMuchIsRefused(c *trial) {
	large := make([]byte, eventstore.MaxDataBytes+1)
	c.refusesSaying(refusal{name: "too large data", says: []string{"data", fmt.Sprint(eventstore.MaxDataBytes)}},
		begins("beside"), write("large", eventstore.NoStream, binary(large)))

	var total []eventstore.EventData
	for n := 0; n <= eventstore.MaxAppendBytes; n += eventstore.MaxDataBytes {
		total = append(total, binary(large[:eventstore.MaxDataBytes]))
	}
	c.refusesSaying(refusal{name: "too much data", says: []string{"data", fmt.Sprint(eventstore.MaxAppendBytes)}},
		begins("beside"), write("large", eventstore.NoStream, total...))

	c.refusesSaying(refusal{name: "too many events", says: []string{"events", fmt.Sprint(eventstore.MaxAppendEvents)}},
		begins("beside"), write("many", eventstore.NoStream, events(eventstore.MaxAppendEvents)...))

	wide := make([]eventstore.Write, eventstore.MaxAppendWrites+1)
	for i := range wide {
		wide[i] = begins(counted("wide", i))
	}
	c.refusesSaying(refusal{name: "too many streams", says: []string{"streams", fmt.Sprint(eventstore.MaxAppendWrites)}},
		wide...)

	c.refusesSaying(refusal{name: "no writes", says: []string{"writes"}})
	c.refusesSaying(refusal{name: "a stream named twice", says: []string{"twice"}}, begins("a"), begins("b"), begins("a"))
	c.refusesSaying(refusal{name: "a stream written and checked", says: []string{"twice"}},
		begins("a"), check("a", eventstore.AnyVersion))
	c.shows(c.Store)
	equal(c, "head", c.head(c.Store), 0)
}
