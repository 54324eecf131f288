package eventstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"

	"github.com/google/uuid"
)

// CausedBy returns the metadata of what an event causes: the event's ID as causation ID, its correlation ID and its
// trace. Where the event has no correlation ID, it is the first of a correlation and its ID is that. Actor and values
// stay with the event.
//
// Projections and process managers do this by themselves. It is for programs that read events on their own and append:
//
//	ctx = eventstore.WithMetadata(ctx, eventstore.CausedBy(event))
func CausedBy(event RecordedEvent) Metadata {
	id := event.ID.String()
	return Metadata{
		CorrelationID: cmp.Or(event.Metadata.CorrelationID, id),
		CausationID:   id,
		TraceParent:   event.Metadata.TraceParent,
	}
}

// Causes yields the event that caused another, the event that caused that one, and so on, each recorded before the one
// that it caused. It ends with the event that has no causation ID, or one that is not the ID of an event in the store:
// that of a request or a message from outside, which the last event that was yielded has in its metadata, or the given
// event when none was.
//
// An ID that was given may be in several streams. Then the cause is, of the events with that ID, one of the same
// correlation where there is one, and the last of these.
//
// It looks for one event at a time, see [Finder.FindBefore] for what that costs. An error ends it, such as that of ctx.
func Causes(ctx context.Context, finder Finder, event RecordedEvent) iter.Seq2[RecordedEvent, error] {
	return func(yield func(RecordedEvent, error) bool) {
		for {
			cause, found, err := causeOf(ctx, finder, event)
			if err != nil {
				yield(RecordedEvent{}, fmt.Errorf("find what caused event %s, version %d of stream %q: %w",
					event.ID, event.Version, event.Stream, err))
				return
			}
			if !found || !yield(cause, nil) {
				return
			}
			event = cause
		}
	}
}

// causeOf returns an event that was recorded before the one that it caused: so there is no circle.
func causeOf(ctx context.Context, finder Finder, event RecordedEvent) (cause RecordedEvent, found bool, err error) {
	id, isID := causeID(event)
	if !isID {
		return RecordedEvent{}, false, nil
	}
	candidates, err := finder.FindBefore(ctx, id, event.Position)
	if err != nil {
		return RecordedEvent{}, false, err
	}
	related := false
	for _, candidate := range candidates {
		if candidate.Position >= event.Position {
			continue
		}
		same := CausedBy(candidate).CorrelationID == event.Metadata.CorrelationID
		if same || !related {
			cause, found, related = candidate, true, same
		}
	}
	return cause, found, nil
}

// causeID returns the ID of the event that caused another, false where that was something else. It goes by the one form in
// which this library writes IDs: a trace ID, of 32 digits, would be looked for in the whole store.
func causeID(event RecordedEvent) (uuid.UUID, bool) {
	id, err := uuid.Parse(event.Metadata.CausationID)
	return id, err == nil && id != uuid.Nil && id.String() == event.Metadata.CausationID
}
