package processmanagertest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pasttense/pasttense/internal/linediff"
	"github.com/pasttense/pasttense/processmanager"
)

// text is something for people to compare: lines that are easy to read, and lines that are exact.
type text struct{ readable, exact []string }

func (t *text) add(lines ...string) {
	t.readable = append(t.readable, lines...)
	t.exact = append(t.exact, lines...)
}

func effectLines[C any](effects processmanager.Effects[C]) text {
	t := commandLines("send", effects.Send)
	for _, name := range effects.Cancel {
		t.add("cancel " + name)
	}
	for _, timer := range effects.Schedule {
		t.add("schedule " + timerLine(timer))
	}
	if effects.Complete {
		t.add("complete")
	}
	if effects.Fail != "" {
		t.add("fail: " + effects.Fail)
	}
	return t
}

func commandLines[C any](what string, commands []C) text {
	var t text
	for _, command := range commands {
		t.readable = append(t.readable, what+" "+line(command))
		t.exact = append(t.exact, fmt.Sprintf("%s %#v", what, command))
	}
	return t
}

func timerLines(timers []processmanager.Timer) text {
	var t text
	for _, timer := range timers {
		t.add(timerLine(timer))
	}
	return t
}

func timerLine(t processmanager.Timer) string {
	return t.Name + " at " + t.DueAt.UTC().Format(time.RFC3339Nano)
}

func byDueTime(a, b processmanager.Timer) int {
	return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.Name, b.Name))
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
	return indent(linediff.Of(want.readable, got.readable))
}

func indent(lines []string) string {
	if len(lines) == 0 {
		return "    nothing"
	}
	return "    " + strings.Join(lines, "\n    ")
}

// differences returns the lines that only one of both has.
func differences(want, got []string) []string {
	return slices.DeleteFunc(linediff.Of(want, got), func(line string) bool { return strings.HasPrefix(line, " ") })
}

// count returns a number of things in words.
func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return strconv.Itoa(n) + " " + of + "s"
}
