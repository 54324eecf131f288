package aggregatetest

import (
	"context"
	"iter"

	"github.com/pasttense/pasttense/eventstore"
)

// history is as much of a store as one execution on one stream needs. The embedded interface is nil.
type history struct {
	eventstore.Store
	events []eventstore.RecordedEvent
}

func (h *history) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	prepared, err := eventstore.Prepare(ctx, writes)
	if err != nil {
		return eventstore.AppendResult{}, err
	}
	h.add(prepared.Writes[0].Stream, prepared.Writes[0].Events)
	last := h.events[len(h.events)-1]
	return eventstore.AppendResult{
		Writes:   []eventstore.WriteResult{{Version: last.Version, Position: last.Position}},
		Position: last.Position,
	}, nil
}

func (h *history) ReadStream(
	context.Context, eventstore.StreamID, eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		for _, event := range h.events {
			if !yield(event, nil) {
				return
			}
		}
	}
}

func (h *history) add(stream eventstore.StreamID, events []eventstore.EventData) {
	for _, event := range events {
		next := len(h.events) + 1
		h.events = append(h.events, eventstore.RecordedEvent{
			ID:            event.ID,
			Stream:        stream,
			Version:       eventstore.Version(next),
			Position:      eventstore.Position(next),
			Type:          event.Type,
			SchemaVersion: event.SchemaVersion,
			ContentType:   event.ContentType,
			Data:          event.Data,
			Metadata:      event.Metadata,
		})
	}
}
