package processmanagertest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pasttense/pasttense/processmanager"
)

// text is something for people to compare: lines that are easy to read, and lines that are exact.
type text struct{ readable, exact []string }

func effectLines[C any](effects processmanager.Effects[C]) text {
	var t text
	for _, command := range effects.Send {
		t.readable = append(t.readable, "send "+line(command))
		t.exact = append(t.exact, fmt.Sprintf("send %#v", command))
	}
	if effects.Complete {
		t.readable = append(t.readable, "complete")
		t.exact = append(t.exact, "complete")
	}
	return t
}

// stateLines has a line for each field of a struct.
func stateLines(state any) text {
	t := text{exact: []string{fmt.Sprintf("%#v", state)}}
	v := reflect.ValueOf(state)
	if v.Kind() != reflect.Struct {
		t.readable = []string{line(state)}
		return t
	}
	for n := range v.NumField() {
		t.readable = append(t.readable, fmt.Sprintf("%s: %+v", v.Type().Field(n).Name, v.Field(n)))
	}
	return t
}

func line(value any) string { return fmt.Sprintf("%T %+v", value, value) }

// compare returns the lines of both, those that only want has marked with -, those that only got has with +.
func compare(want, got text) string {
	if slices.Equal(want.readable, got.readable) && !slices.Equal(want.exact, got.exact) {
		want.readable, got.readable = want.exact, got.exact
	}
	lines := marked(want.readable, got.readable)
	if len(lines) == 0 {
		return "    nothing"
	}
	return "    " + strings.Join(lines, "\n    ")
}

// marked keeps what both begin and end with unmarked.
func marked(want, got []string) []string {
	var before, after []string
	for len(want) > 0 && len(got) > 0 && want[0] == got[0] {
		before = append(before, "  "+want[0])
		want, got = want[1:], got[1:]
	}
	for len(want) > 0 && len(got) > 0 && want[len(want)-1] == got[len(got)-1] {
		after = append(after, "  "+want[len(want)-1])
		want, got = want[:len(want)-1], got[:len(got)-1]
	}
	for _, only := range want {
		before = append(before, "- "+only)
	}
	for _, only := range got {
		before = append(before, "+ "+only)
	}
	slices.Reverse(after)
	return append(before, after...)
}
