package memstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// The benchmarks run beside a mutex around a map of slices, which is what an in-memory store costs at least.

// plainStore copies what it is given and checks the expected version, and promises nothing else.
type plainStore struct {
	mu      sync.Mutex
	streams map[eventstore.StreamID][]eventstore.RecordedEvent
}

func newPlainStore() *plainStore {
	return &plainStore{streams: make(map[eventstore.StreamID][]eventstore.RecordedEvent)}
}

func (s *plainStore) append(
	id eventstore.StreamID, expected eventstore.ExpectedVersion, event eventstore.EventData,
) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.streams[id]
	if !expected.Allows(eventstore.Version(len(events))) {
		return false
	}
	s.streams[id] = append(events, eventstore.RecordedEvent{
		ID:         uuid.New(),
		Stream:     id,
		Version:    eventstore.Version(len(events) + 1),
		Type:       event.Type,
		Data:       append([]byte(nil), event.Data...),
		RecordedAt: time.Now(),
	})
	return true
}

func (s *plainStore) read(id eventstore.StreamID) []eventstore.RecordedEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]eventstore.RecordedEvent(nil), s.streams[id]...)
}

// event200 has 200 bytes of data.
func event200() eventstore.EventData {
	data := fmt.Sprintf(`{"item_id":"0190b0c5-7a3c-7bd5-a5f1-6b2a3c4d5e6f","name":"Socks","note":"%0125d"}`, 7)
	return eventstore.EventData{Type: "order.item-added", Data: []byte(data)}
}

func benchmarkStreams() []eventstore.StreamID {
	ids := make([]eventstore.StreamID, 1000)
	for i := range ids {
		ids[i] = eventstore.StreamID{Category: "order", Key: uuid.NewString()}
	}
	return ids
}

func BenchmarkAppend(b *testing.B) {
	event := event200()
	require.Len(b, event.Data, 200)
	ids := benchmarkStreams()
	b.Run("memstore", func(b *testing.B) {
		store := memstore.New(nil)
		ctx := b.Context()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_, err := store.Append(ctx, eventstore.Write{
				Stream:   ids[i%len(ids)],
				Expected: eventstore.Exactly(eventstore.Version(i / len(ids))),
				Events:   []eventstore.EventData{event},
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("prepare", func(b *testing.B) {
		ctx := b.Context()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_, err := eventstore.Prepare(ctx, []eventstore.Write{{
				Stream:   ids[i%len(ids)],
				Expected: eventstore.Exactly(eventstore.Version(i / len(ids))),
				Events:   []eventstore.EventData{event},
			}})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("map", func(b *testing.B) {
		store := newPlainStore()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			expected := eventstore.Exactly(eventstore.Version(i / len(ids)))
			if !store.append(ids[i%len(ids)], expected, event) {
				b.Fatal("conflict")
			}
		}
	})
}

func BenchmarkReadStream(b *testing.B) {
	const events = 100
	event := event200()
	id := eventstore.StreamID{Category: "order", Key: "42"}
	b.Run("memstore", func(b *testing.B) {
		store := memstore.New(nil)
		ctx := context.Background()
		for range events {
			_, err := store.Append(ctx, eventstore.Write{
				Stream: id, Expected: eventstore.AnyVersion, Events: []eventstore.EventData{event},
			})
			require.NoError(b, err)
		}
		b.ReportAllocs()
		for b.Loop() {
			size := 0
			for event, err := range store.ReadStream(ctx, id, eventstore.ReadOptions{}) {
				if err != nil {
					b.Fatal(err)
				}
				size += len(event.Data)
			}
			if size != events*len(event.Data) {
				b.Fatal(size)
			}
		}
	})
	b.Run("map", func(b *testing.B) {
		store := newPlainStore()
		for range events {
			store.append(id, eventstore.AnyVersion, event)
		}
		b.ReportAllocs()
		for b.Loop() {
			size := 0
			for _, event := range store.read(id) {
				size += len(event.Data)
			}
			if size != events*len(event.Data) {
				b.Fatal(size)
			}
		}
	})
}
