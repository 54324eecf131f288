package eventstoretest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// conflicts ends the clause when err is not a conflict on a write that the stream's version does not allow.
func (c *trial) conflicts(err error, write eventstore.Write, actual eventstore.Version) {
	c.Helper()
	conflict := c.conflict(err)
	want := eventstore.ConflictError{Stream: write.Stream, Expected: write.Expected, Actual: actual}
	equal(c, "conflict", conflict, want)
}

// conflict returns what err tells of a conflict, and ends the clause when it is none.
func (c *trial) conflict(err error) eventstore.ConflictError {
	c.Helper()
	var conflict *eventstore.ConflictError
	if !errors.As(err, &conflict) {
		c.Fatalf("the error is %v; it must be a *ConflictError", describe(err))
	}
	return *conflict
}

func isConflict(err error) bool {
	var conflict *eventstore.ConflictError
	return errors.As(err, &conflict)
}

// isTrueConflict tells a conflict that contradicts itself, or that the store should know more of.
func isTrueConflict(err error) bool {
	var conflict *eventstore.ConflictError
	return errors.As(err, &conflict) && conflict.Actual >= 0 && !conflict.Expected.Allows(conflict.Actual)
}

// isStream ends the clause when events are not a stream from its beginning: the right name, and versions without holes.
func (c *trial) isStream(id eventstore.StreamID, events []eventstore.RecordedEvent) {
	c.Helper()
	last := eventstore.Position(0)
	for i, event := range events {
		if event.Stream != id || event.Version != eventstore.Version(i+1) {
			c.Fatalf("event %d of stream %q is version %d of stream %q", i+1, id, event.Version, event.Stream)
		}
		if event.Position <= last {
			c.Fatalf("stream %q: version %d is at position %d, which is not above %d of the version before it",
				id, event.Version, event.Position, last)
		}
		last = event.Position
	}
}

// areStreams ends the clause when the events of everything are not whole streams.
func (c *trial) areStreams(all []eventstore.RecordedEvent) {
	c.Helper()
	streams := make(map[eventstore.StreamID][]eventstore.RecordedEvent)
	for _, event := range all {
		streams[event.Stream] = append(streams[event.Stream], event)
	}
	for id, events := range streams {
		c.isStream(id, events)
	}
}

// recorded ends the clause when events are not what was appended.
func (c *trial) recorded(events []eventstore.RecordedEvent, appended ...eventstore.EventData) {
	c.Helper()
	equal(c, "number of events", len(events), len(appended))
	for i, event := range events {
		if difference := compare(event, appended[i]); difference != "" {
			c.Fatalf("event %d: %s", i+1, difference)
		}
	}
}

// compare says in what a recorded event differs from what was appended, with nothing taken from a context.
func compare(got eventstore.RecordedEvent, want eventstore.EventData) string {
	want.SchemaVersion = max(want.SchemaVersion, 1)
	if want.ContentType == "" {
		want.ContentType = eventstore.ContentTypeJSON
	}
	if len(want.Metadata.Values) == 0 {
		want.Metadata.Values = nil
	}
	switch {
	case want.ID != (eventstore.EventData{}).ID && got.ID != want.ID:
		return fmt.Sprintf("ID is %s, want %s", got.ID, want.ID)
	case got.Type != want.Type:
		return fmt.Sprintf("Type is %q, want %q", got.Type, want.Type)
	case got.SchemaVersion != want.SchemaVersion:
		return fmt.Sprintf("SchemaVersion is %d, want %d", got.SchemaVersion, want.SchemaVersion)
	case got.ContentType != want.ContentType:
		return fmt.Sprintf("ContentType is %q, want %q", got.ContentType, want.ContentType)
	case !bytes.Equal(got.Data, want.Data):
		return fmt.Sprintf("Data (%d bytes) is %.200q, want (%d bytes) %.200q",
			len(got.Data), got.Data, len(want.Data), want.Data)
	case !reflect.DeepEqual(got.Metadata, want.Metadata):
		return fmt.Sprintf("Metadata is %.500q, want %.500q",
			fmt.Sprintf("%#v", got.Metadata), fmt.Sprintf("%#v", want.Metadata))
	default:
		return ""
	}
}

// sameEvents says where two readings differ, and nothing when they do not.
func sameEvents(got, want []eventstore.RecordedEvent) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("has %d events, want %d; the first one missing is %s", len(got), len(want), place(want[i]))
		case i >= len(want):
			return fmt.Sprintf("has %d events, want %d; the first one too many is %s", len(got), len(want), place(got[i]))
		case !reflect.DeepEqual(normal(got[i]), normal(want[i])):
			return fmt.Sprintf("event %d is %s, want %s", i+1, place(got[i]), place(want[i]))
		}
	}
	return ""
}

// normal makes empty data comparable; whether it is nil is not said.
func normal(event eventstore.RecordedEvent) eventstore.RecordedEvent {
	if len(event.Data) == 0 {
		event.Data = nil
	}
	return event
}

func place(e eventstore.RecordedEvent) string {
	return fmt.Sprintf("%s at position %d (version %d of stream %q, data %.40q)",
		e.ID, e.Position, e.Version, e.Stream, e.Data)
}

func selected(events []eventstore.RecordedEvent, filter eventstore.Filter) []eventstore.RecordedEvent {
	return slices.DeleteFunc(slices.Clone(events), func(e eventstore.RecordedEvent) bool {
		return !filter.Matches(e.Stream.Category, e.Type)
	})
}
