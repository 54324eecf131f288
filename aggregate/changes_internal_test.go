package aggregate

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
)

type part struct {
	Name string
	size int
}

// shade has a text that leaves something out.
type shade struct{ Name, Hue string }

func (s shade) String() string { return s.Name }

type private struct {
	at time.Time
	id uuid.UUID
}

type ring struct {
	Value int
	Next  *ring
}

func TestChanges(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	id := uuid.MustParse("36176af9-a04f-40f3-805e-7fb9487f91d0")
	type state struct {
		Any     any
		At      time.Time
		Bytes   []byte
		ID      uuid.UUID
		Names   []string
		Parts   map[string]part
		Pointer *part
		Private private
		Shade   shade
	}
	for name, c := range map[string]struct {
		before, after state
		want          []string
	}{
		"nothing":                 {state{Names: []string{"a"}}, state{Names: []string{"a"}}, nil},
		"nil and empty":           {state{}, state{Names: []string{}, Parts: map[string]part{}, Bytes: []byte{}}, nil},
		"an instant":              {state{At: at}, state{At: at.In(time.FixedZone("", 3600))}, nil},
		"a time":                  {state{At: at}, state{At: at.Add(1)}, []string{"At: 2026-01-02T03:04:05Z → 2026-01-02T03:04:05.000000001Z"}},
		"an ID":                   {state{}, state{ID: id}, []string{"ID: " + uuid.Nil.String() + " → " + id.String()}},
		"bytes":                   {state{Bytes: []byte("a")}, state{Bytes: []byte("b")}, []string{"Bytes: 61 → 62"}},
		"an element gone":         {state{Names: []string{"a", "b"}}, state{Names: []string{"a"}}, []string{`Names[1]: "b" → none`}},
		"an empty element":        {state{}, state{Names: []string{""}}, []string{`Names[0]: none → ""`}},
		"a field that is private": {state{Parts: map[string]part{"x": {size: 1}}}, state{Parts: map[string]part{"x": {size: 2}}}, []string{`Parts["x"].size: 1 → 2`}},
		"a private ID": {
			state{}, state{Private: private{id: id}}, []string{"Private.id: " + uuid.Nil.String() + " → " + id.String()},
		},
		"a private instant": {
			state{Private: private{at: at}}, state{Private: private{at: at.In(time.FixedZone("", 3600))}}, nil,
		},
		"entries":          {state{Parts: map[string]part{"x": {}}}, state{Parts: map[string]part{"y": {"Y", 1}}}, []string{`Parts["x"]: {Name: size:0} → none`, `Parts["y"]: none → {Name:Y size:1}`}},
		"another type":     {state{Any: 1}, state{Any: "1"}, []string{`Any: 1 → "1"`}},
		"in an interface":  {state{Any: part{Name: "a"}}, state{Any: part{Name: "b"}}, []string{`Any.Name: "a" → "b"`}},
		"behind a pointer": {state{Pointer: &part{Name: "a"}}, state{Pointer: &part{Name: "b"}}, []string{`Pointer.Name: "a" → "b"`}},
		"a pointer gone":   {state{Pointer: &part{Name: "a"}}, state{}, []string{"Pointer: &{Name:a size:0} → <nil>"}},
		"its own text":     {state{Shade: shade{"red", "1"}}, state{Shade: shade{"blue", "1"}}, []string{"Shade: red → blue"}},
		"what its text leaves out": {
			state{Shade: shade{"red", "1"}}, state{Shade: shade{"red", "2"}}, []string{`Shade.Hue: "1" → "2"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, change := range changes(c.before, c.after) {
				got = append(got, change.String())
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestChangesOfAWholeState(t *testing.T) {
	assert.Equal(t, "state: 1 → 2", changes(1, 2)[0].String())
	assert.Equal(t, []Change{{Path: "Hue", Before: `"1"`, After: `"2"`}}, changes(shade{"red", "1"}, shade{"red", "2"}))
}

func TestChangesOfAStateThatContainsItself(t *testing.T) {
	one, other := &ring{Value: 1}, &ring{Value: 2}
	one.Next, other.Next = one, other
	assert.NotEmpty(t, changes(one, other))
	assert.Equal(t, Change{Path: "Value", Before: "1", After: "2"}, changes(one, other)[0])
}
