package eventstoretest

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

func (h *modelHandle) FindGiven(
	ctx context.Context, stream eventstore.StreamID, id uuid.UUID,
) (eventstore.RecordedEvent, bool, error) {
	if err := cmp.Or(stream.Validate(), eventstore.ValidateEventID(id), h.usable(ctx)); err != nil {
		return eventstore.RecordedEvent{}, false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.findable() {
		if e.Stream == stream && e.ID == id && h.given[e.Position] {
			return e, true, nil
		}
	}
	return eventstore.RecordedEvent{}, false, nil
}

func (h *modelHandle) FindBefore(
	ctx context.Context, id uuid.UUID, before eventstore.Position,
) ([]eventstore.RecordedEvent, error) {
	if err := cmp.Or(eventstore.ValidateFindBefore(id, before), h.usable(ctx)); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var given, others []eventstore.RecordedEvent
	for _, e := range h.findable() {
		switch {
		case e.Position >= before || e.ID != id:
		case h.given[e.Position]:
			given = append(given, e)
		default:
			others = append(others, e)
		}
	}
	if len(given) > 0 {
		return given, nil
	}
	return others, nil
}

// findable returns the events that a Finder looks at. It is called with mu held.
func (h *modelHandle) findable() []eventstore.RecordedEvent {
	if h.faults.findsStable {
		stable, _, _ := h.look()
		return stable
	}
	events := slices.Clone(h.log)
	if h.faults.findsInFlight {
		for f := range h.open {
			events = append(events, f.events...)
		}
	}
	return events
}
