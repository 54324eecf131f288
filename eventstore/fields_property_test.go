package eventstore_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pasttense/pasttense/eventstore"
)

// Any sequence of edits does to the stored bytes what it does to maps.
func TestFieldsAreEditedAsMapsAre(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data, model := drawObject(t)
		edits := rapid.SliceOfN(rapid.Custom(drawEdit), 0, 12).Draw(t, "edits")
		for _, e := range edits {
			e.onMap(model)
		}
		got, err := edited(string(data), func(f *eventstore.Fields) {
			for _, e := range edits {
				e.onFields(f)
			}
		})
		require.NoError(t, err)
		assert.Equal(t, model, parsed(t, []byte(got)), "%s became %s by %v", data, got, edits)
		if len(edits) == 0 {
			assert.Equal(t, string(data), got)
		}
	})
}

var drawName = rapid.SampledFrom([]string{"a", "b", "c", "A", "é", `"`, ""})

// drawObject returns an object, with objects and whatever else in it, and what it says.
func drawObject(t *rapid.T) (data []byte, model map[string]any) {
	model = rapid.MapOf(drawName, rapid.OneOf(
		rapid.SampledFrom([]any{json.Number("1"), json.Number("-0"), json.Number("1e999"), json.Number("123456789012345678901")}),
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.MapOf(drawName, rapid.Just[any]("inside")), func(m map[string]any) any { return m }),
		rapid.Just[any](nil),
		rapid.Just[any]([]any{"x", true}),
	)).Draw(t, "object")
	data, err := json.Marshal(model)
	require.NoError(t, err)
	if rapid.Bool().Draw(t, "indented") {
		var indented bytes.Buffer
		require.NoError(t, json.Indent(&indented, data, " ", "\t"))
		data = indented.Bytes()
	}
	return data, parsed(t, data)
}

func parsed(t require.TestingT, data []byte) map[string]any {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var object map[string]any
	require.NoError(t, decoder.Decode(&object), "%s", data)
	return object
}

// anEdit is an edit of the fields of an object, or of one in it where there is one.
type anEdit struct {
	What     string
	In       string
	Name, To string
}

func drawEdit(t *rapid.T) anEdit {
	return anEdit{
		What: rapid.SampledFrom([]string{"set", "default", "rename", "remove", "out", "in"}).Draw(t, "what"),
		In:   rapid.SampledFrom([]string{"", "", "a", "b"}).Draw(t, "in"),
		Name: drawName.Draw(t, "name"),
		To:   drawName.Draw(t, "to"),
	}
}

func (e anEdit) onFields(f *eventstore.Fields) {
	object := f
	if e.In != "" {
		value, _ := f.Get(e.In)
		if len(value) == 0 || value[0] != '{' {
			return
		}
		object = f.In(e.In)
	}
	switch e.What {
	case "set":
		object.Set(e.Name, e.To)
	case "default":
		object.Default(e.Name, 1)
	case "rename":
		object.Rename(e.Name, e.To)
	case "remove":
		object.Remove(e.Name)
	case "out":
		object.Move(e.Name, f, e.To)
	case "in":
		if e.Name != e.To && !f.Has(e.To) {
			f.Move(e.Name, f.In(e.To), e.Name)
		}
	}
}

func (e anEdit) onMap(m map[string]any) {
	object := m
	if e.In != "" {
		nested, ok := m[e.In].(map[string]any)
		if !ok {
			return
		}
		object = nested
	}
	value, found := object[e.Name]
	switch e.What {
	case "set":
		object[e.Name] = e.To
	case "default":
		if !found {
			object[e.Name] = json.Number("1")
		}
	case "rename", "out":
		to := object
		if e.What == "out" {
			to = m
		}
		if found {
			delete(object, e.Name)
			to[e.To] = value
		}
	case "remove":
		delete(object, e.Name)
	case "in":
		value, found := m[e.Name]
		if _, taken := m[e.To]; e.Name != e.To && found && !taken {
			delete(m, e.Name)
			m[e.To] = map[string]any{e.Name: value}
		}
	}
}
