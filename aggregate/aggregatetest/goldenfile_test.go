package aggregatetest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pasttense/pasttense/eventstore"
)

func TestNamesOfGoldenEvents(t *testing.T) {
	for name, event := range map[string]eventstore.EventData{
		"order.item-added.v1.json": {Type: "order.item-added", SchemaVersion: 1, ContentType: "application/json"},
		"order.v2.v12.json":        {Type: "order.v2", SchemaVersion: 12, ContentType: "application/json"},
		"ItemAdded.v1.json":        {Type: "ItemAdded", SchemaVersion: 1, ContentType: "application/json"},
		"a%2Fb%25%3A.v1.json":      {Type: "a/b%:", SchemaVersion: 1, ContentType: "application/json"},
		"%C3%A9.v1.json":           {Type: "é", SchemaVersion: 1, ContentType: "application/json"},
		"%6Eul.made.v1.json":       {Type: "nul.made", SchemaVersion: 1, ContentType: "application/json"},
		"%43ON.v1.json":            {Type: "CON", SchemaVersion: 1, ContentType: "application/json"},
		"null.v1.json":             {Type: "null", SchemaVersion: 1, ContentType: "application/json"},
		"%2Ehidden.v1.json":        {Type: ".hidden", SchemaVersion: 1, ContentType: "application/json"},
		"a.v3.application%2Fvnd%2Eapache%2Eavro%2Bbinary.bin": {
			Type: "a", SchemaVersion: 3, ContentType: "application/vnd.apache.avro+binary",
		},
	} {
		assert.Equal(t, name, nameOf(event, ""))
		parsed, err := parseName(name)
		require.NoError(t, err)
		assert.Equal(t, event, parsed)
	}
}

func TestNamesOfGoldenEventsAreRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		event := eventstore.EventData{
			Type:          rapid.StringN(1, 20, -1).Draw(t, "type"),
			SchemaVersion: rapid.IntRange(1, 1000).Draw(t, "version"),
			ContentType: rapid.OneOf(
				rapid.Just(eventstore.ContentTypeJSON), rapid.StringMatching(`[!-~]+`),
			).Draw(t, "content type"),
		}
		special := rapid.StringMatching(`([a-z]{2,9})?`).Draw(t, "special")
		name := nameOf(event, special)
		assert.Regexp(t, `^[0-9A-Za-z_%-][0-9A-Za-z_.%-]*\.(json|bin)$`, name)
		parsed, err := parseName(name)
		require.NoError(t, err)
		assert.Equal(t, event, parsed)
	})
}

func TestFormsOfEvents(t *testing.T) {
	form := func(contentType, data string) eventstore.EventData {
		return eventstore.EventData{Type: "a", SchemaVersion: 1, ContentType: contentType, Data: []byte(data)}
	}
	for _, c := range []struct {
		contentType, file, today string
		same                     bool
	}{
		{"application/json", `{"a":1,"b":[2]}`, `{"b":[2],"a":1}`, true},
		{"application/json", `"\u003c"`, `"<"`, true},
		{"application/json", `{"a":1}`, `{"a":1,"b":null}`, false},
		{"application/json", `[1,2]`, `[2,1]`, false},
		{"application/json", `1.0`, `1`, false},
		{"application/json", `9007199254740993`, `9007199254740992`, false},
		{"text/plain", `[1]`, `[ 1]`, false},
		{"text/plain", `[1]`, `[1]`, true},
	} {
		file := goldenFile{event: form(c.contentType, c.file)}
		assert.Equal(t, c.same, file.sameForm(form(c.contentType, c.today)), c.file)
		assert.False(t, file.sameForm(form("application/other", c.file)))
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("order.item-added.v1.gift.json")
	f.Add(".bin")
	f.Add("a.v99999999999999999999.%zz.bin")
	f.Fuzz(func(t *testing.T, name string) {
		if event, err := parseName(name); err == nil {
			assert.NotEmpty(t, event.Type)
			assert.Positive(t, event.SchemaVersion)
		}
	})
}
