package aggregatetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/linediff"
)

// description is something for people to compare.
type description struct {
	// lines are easy to read.
	lines []string
	// exact shows what lines may not, such as nil and empty slices.
	exact []string
}

// describe returns a value as Go knows it.
func describe(value any) description {
	return description{lines: format(value), exact: []string{fmt.Sprintf("%#v", value)}}
}

// describe returns stored events with what they mean to the domain.
func (a *Aggregate[S, E]) describe(events []eventstore.RecordedEvent) description {
	var d description
	for _, stored := range events {
		decoded, err := a.codec.Decode(stored)
		if err != nil {
			d.lines = append(d.lines, err.Error())
		}
		for _, event := range decoded {
			d.lines = append(d.lines, format(event)...)
		}
		d.exact = append(d.exact, fmt.Sprintf("%s (schema version %d, %s) %q",
			stored.Type, stored.SchemaVersion, stored.ContentType, stored.Data))
	}
	return d
}

// difference returns a line diff of two descriptions.
func difference(want, got description) string {
	if slices.Equal(want.lines, got.lines) {
		return indent(linediff.Of(want.exact, got.exact))
	}
	return indent(linediff.Of(want.lines, got.lines))
}

// indent returns lines as the part of a failure's message that follows its first line.
func indent(lines []string) string {
	return "    " + strings.Join(lines, "\n    ")
}
