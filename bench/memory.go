package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

func memory() []work {
	const limit = "limit: a mutex around a map of slices"
	return []work{
		{
			name:   "mem-append",
			about:  "1 caller appends 100,000 events, 1 a call, to 1,000 streams of a new store in turn; " + limit,
			unit:   "events/s",
			target: target{ratio: 0.5},
			ours:   fillMemstores,
			limit:  fillMaps,
		},
		{
			name:   "mem-load",
			about:  "1 caller loads a stream of 100 events a call; " + limit,
			unit:   "streams/s",
			target: target{ratio: 0.5},
			ours:   loadFromMemstore,
			limit:  loadFromMap,
		},
	}
}

// fillMemstores makes a new store with each call, so that no side has a larger heap than the other.
func fillMemstores(context.Context, *database) (side, error) {
	streams, events := newStreams(filledStreams), newEvents(1)
	return throughput{callers: 1, amount: filledEvents, call: func(ctx context.Context) error {
		return appendInTurn(ctx, memstore.New(nil), streams, events)
	}}, nil
}

// appendInTurn appends events to each stream, streamEvents times.
func appendInTurn(
	ctx context.Context, store eventstore.Store, streams []eventstore.StreamID, events []eventstore.EventData,
) error {
	for version := range eventstore.Version(streamEvents) {
		for _, stream := range streams {
			_, err := store.Append(ctx, eventstore.Write{
				Stream: stream, Expected: eventstore.Exactly(version), Events: events,
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func fillMaps(context.Context, *database) (side, error) {
	streams, event := newStreams(filledStreams), newEvent()
	return throughput{callers: 1, amount: filledEvents, call: func(context.Context) error {
		store := newMapStore()
		for version := range eventstore.Version(streamEvents) {
			for _, stream := range streams {
				if err := store.append(stream, eventstore.Exactly(version), event); err != nil {
					return err
				}
			}
		}
		return nil
	}}, nil
}

func loadFromMemstore(ctx context.Context, _ *database) (side, error) {
	store := memstore.New(nil)
	streams := newStreams(1)
	if err := appendInTurn(ctx, store, streams, newEvents(1)); err != nil {
		return nil, err
	}
	return throughput{callers: 1, amount: 1, call: func(ctx context.Context) error {
		return load(ctx, store, streams[0])
	}}, nil
}

func loadFromMap(context.Context, *database) (side, error) {
	store, stream, event := newMapStore(), newStream(), newEvent()
	for version := range eventstore.Version(streamEvents) {
		if err := store.append(stream, eventstore.Exactly(version), event); err != nil {
			return nil, err
		}
	}
	return throughput{callers: 1, amount: 1, call: func(context.Context) error {
		count := 0
		for _, event := range store.read(stream) {
			if len(event.Data) == eventBytes {
				count++
			}
		}
		return expectEvents(count, streamEvents)
	}}, nil
}

// mapStore is what an in-memory store costs at least. It copies what it is given and checks the expected version, and
// promises nothing else.
type mapStore struct {
	mu      sync.Mutex
	streams map[eventstore.StreamID][]eventstore.RecordedEvent
}

func newMapStore() *mapStore {
	return &mapStore{streams: make(map[eventstore.StreamID][]eventstore.RecordedEvent)}
}

func (s *mapStore) append(
	stream eventstore.StreamID, expected eventstore.ExpectedVersion, event eventstore.EventData,
) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.streams[stream]
	if !expected.Allows(eventstore.Version(len(events))) {
		return errors.New("conflict")
	}
	s.streams[stream] = append(events, eventstore.RecordedEvent{
		ID:         uuid.New(),
		Stream:     stream,
		Version:    eventstore.Version(len(events) + 1),
		Type:       event.Type,
		Data:       append([]byte(nil), event.Data...),
		RecordedAt: time.Now(),
	})
	return nil
}

func (s *mapStore) read(stream eventstore.StreamID) []eventstore.RecordedEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]eventstore.RecordedEvent(nil), s.streams[stream]...)
}
