package memstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

var _ eventstore.Finder = (*Store)(nil)

// FindGiven implements [eventstore.Finder].
func (s *Store) FindGiven(
	ctx context.Context, id eventstore.StreamID, event uuid.UUID,
) (eventstore.RecordedEvent, bool, error) {
	found, err := s.findGiven(ctx, id, event)
	if err != nil {
		return eventstore.RecordedEvent{}, false, fmt.Errorf("find event %s of stream %q: %w", event, id, err)
	}
	if found == nil {
		return eventstore.RecordedEvent{}, false, nil
	}
	return *found, true, nil
}

func (s *Store) findGiven(
	ctx context.Context, id eventstore.StreamID, event uuid.UUID,
) (*eventstore.RecordedEvent, error) {
	if err := errors.Join(id.Validate(), eventstore.ValidateEventID(event), ctx.Err()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, eventstore.ErrClosed
	}
	if in := s.streams[id]; in != nil {
		return in.given[event], nil
	}
	return nil, nil
}

// FindBefore implements [eventstore.Finder]. It looks at every event before the position.
func (s *Store) FindBefore(
	ctx context.Context, id uuid.UUID, before eventstore.Position,
) ([]eventstore.RecordedEvent, error) {
	events, err := s.findBefore(ctx, id, before)
	if err != nil {
		return nil, fmt.Errorf("find event %s before position %d: %w", id, before, err)
	}
	return events, nil
}

func (s *Store) findBefore(
	ctx context.Context, id uuid.UUID, before eventstore.Position,
) ([]eventstore.RecordedEvent, error) {
	if err := eventstore.ValidateFindBefore(id, before); err != nil {
		return nil, err
	}
	log, err := s.currentLog(ctx)
	if err != nil {
		return nil, err
	}
	var same []*eventstore.RecordedEvent
	for _, event := range log[:max(0, min(before-1, head(log)))] {
		if event.ID == id {
			same = append(same, event)
		}
	}
	return s.preferGiven(same), ctx.Err()
}

// preferGiven returns those of the events with one ID to which their appenders gave it, or else the last.
func (s *Store) preferGiven(same []*eventstore.RecordedEvent) []eventstore.RecordedEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	var given []eventstore.RecordedEvent
	for _, event := range same {
		if in := s.streams[event.Stream]; in != nil && in.given[event.ID] == event {
			given = append(given, *event)
		}
	}
	if len(given) == 0 && len(same) > 0 {
		given = append(given, *same[len(same)-1])
	}
	return given
}
