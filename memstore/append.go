package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// Append implements [eventstore.Store]. Positions have no gaps. It never returns [eventstore.ErrOutcomeUnknown]: after
// any error nothing was written.
func (s *Store) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	prepared, err := eventstore.Prepare(ctx, writes)
	if err != nil {
		return eventstore.AppendResult{}, err
	}
	if err := ctx.Err(); err != nil {
		return eventstore.AppendResult{}, fmt.Errorf("append to stream %q: %w", writes[0].Stream, err)
	}
	return s.commit(prepared, record(prepared, s.now()))
}

// record makes what is to be stored of an append, all but versions and positions. It copies the data, so that the
// caller keeps its own, and is done before the lock is taken.
func record(prepared eventstore.Prepared, now time.Time) []eventstore.RecordedEvent {
	size := 0
	for _, write := range prepared.Writes {
		for i := range write.Events {
			size += len(write.Events[i].Data)
		}
	}
	now = time.UnixMicro(now.UnixMicro()).UTC()
	data := make([]byte, 0, size)
	records := make([]eventstore.RecordedEvent, 0, prepared.Events)
	for _, write := range prepared.Writes {
		for i := range write.Events {
			event := &write.Events[i]
			start := len(data)
			data = append(data, event.Data...)
			records = append(records, eventstore.RecordedEvent{
				ID:            event.ID,
				Stream:        write.Stream,
				Type:          event.Type,
				SchemaVersion: event.SchemaVersion,
				ContentType:   event.ContentType,
				Data:          data[start:len(data):len(data)],
				Metadata:      event.Metadata,
				RecordedAt:    now,
			})
		}
	}
	return records
}

// commit answers a repeated append, refuses one whose expectations are not met, and otherwise adds the records, which
// are the events of all writes in their order.
func (s *Store) commit(
	prepared eventstore.Prepared, records []eventstore.RecordedEvent,
) (eventstore.AppendResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return eventstore.AppendResult{}, fmt.Errorf("append to stream %q: %w",
			prepared.Writes[0].Stream, eventstore.ErrClosed)
	}
	if prepared.GivenIDs {
		first, repeated, err := prepared.FirstResult(s.find(prepared))
		if repeated || err != nil {
			return first, err
		}
	}
	var one [1]*stream // most appends have one write, and need no memory for this
	streams, err := s.check(prepared.Writes, one[:0])
	if err != nil {
		return eventstore.AppendResult{}, err
	}
	result := s.write(prepared, streams, records)
	if len(records) > 0 {
		s.wake()
	}
	return result, nil
}

// find returns the events that have an ID of the append, in the stream that the append gives it for.
func (s *Store) find(prepared eventstore.Prepared) []eventstore.RecordedEvent {
	var found []eventstore.RecordedEvent
	for _, write := range prepared.Writes {
		to := s.streams[write.Stream]
		if to == nil {
			continue
		}
		for i := range write.Events {
			if event := to.given[write.Events[i].ID]; event != nil {
				found = append(found, *event)
			}
		}
	}
	return found
}

// check returns the streams of the writes, appended to a slice: nil for one that is not there. It returns a conflict for
// the first that is not as its write expects.
func (s *Store) check(writes []eventstore.Write, streams []*stream) ([]*stream, error) {
	for i := range writes {
		write := &writes[i]
		to, actual := s.streams[write.Stream], eventstore.Version(0)
		if to != nil {
			actual = eventstore.Version(len(to.events))
		}
		if !write.Expected.Allows(actual) {
			return nil, &eventstore.ConflictError{Stream: write.Stream, Expected: write.Expected, Actual: actual}
		}
		streams = append(streams, to)
	}
	return streams, nil
}

// write gives the records their versions and positions and adds them to their streams, which check has found, and to
// the log.
func (s *Store) write(
	prepared eventstore.Prepared, streams []*stream, records []eventstore.RecordedEvent,
) eventstore.AppendResult {
	writes := prepared.Writes
	result := eventstore.AppendResult{Writes: make([]eventstore.WriteResult, len(writes))}
	for i, to := range streams {
		count := len(writes[i].Events)
		if count == 0 {
			continue
		}
		if to == nil {
			to = &stream{}
			s.streams[writes[i].Stream] = to
		}
		for j := range records[:count] {
			event := &records[j]
			event.Version = eventstore.Version(len(to.events) + 1)
			event.Position = head(s.log) + 1
			to.add(event, prepared.GivenIDs)
			s.log = append(s.log, event)
		}
		records = records[count:]
		result.Position = head(s.log)
		result.Writes[i] = eventstore.WriteResult{
			Version:  eventstore.Version(len(to.events)),
			Position: result.Position,
		}
	}
	return result
}

// add adds an event. Only those whose appender gave the ID are found by it.
func (s *stream) add(event *eventstore.RecordedEvent, idGiven bool) {
	s.events = append(s.events, event)
	if !idGiven {
		return
	}
	if s.given == nil {
		s.given = make(map[uuid.UUID]*eventstore.RecordedEvent)
	}
	s.given[event.ID] = event
}
