package memstore

import (
	"context"
	"fmt"
	"iter"

	"github.com/pasttense/pasttense/eventstore"
)

// ReadStream implements [eventstore.Store]. It yields the events that were there when the reading began.
func (s *Store) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		fail := func(err error) {
			yield(eventstore.RecordedEvent{}, fmt.Errorf("read stream %q: %w", id, err))
		}
		events, err := s.currentStream(ctx, id, opts)
		if err != nil {
			fail(err)
			return
		}
		events = forwards(events, opts)
		for i := range events {
			if opts.Backwards {
				i = len(events) - 1 - i
			}
			if err := ctx.Err(); err != nil {
				fail(err)
				return
			}
			if !yield(*events[i], nil) {
				return
			}
		}
	}
}

// currentStream returns the events that the stream has now. They are read without a lock.
func (s *Store) currentStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) ([]*eventstore.RecordedEvent, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, eventstore.ErrClosed
	}
	if from := s.streams[id]; from != nil {
		return from.events, nil
	}
	return nil, nil
}

// forwards returns the events that opts selects of a stream, by rising version.
func forwards(events []*eventstore.RecordedEvent, opts eventstore.ReadOptions) []*eventstore.RecordedEvent {
	from, count := int(min(opts.From, eventstore.Version(len(events)+1))), len(events)
	if opts.Limit > 0 {
		count = min(count, opts.Limit)
	}
	if opts.Backwards {
		if from > 0 && from < len(events) {
			events = events[:from]
		}
		return events[max(0, len(events)-count):]
	}
	events = events[max(0, from-1):]
	return events[:min(count, len(events))]
}

// ReadAll implements [eventstore.Store]. It looks at every event after the position, also at those that the filter does
// not select.
func (s *Store) ReadAll(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		fail := func(err error) {
			yield(eventstore.RecordedEvent{}, fmt.Errorf("read all events after position %d: %w", after, err))
		}
		log, err := s.currentLogAfter(ctx, after, filter)
		if err != nil {
			fail(err)
			return
		}
		for _, event := range log[after:] {
			if err := ctx.Err(); err != nil {
				fail(err)
				return
			}
			if !filter.Matches(event.Stream.Category, event.Type) {
				continue
			}
			if !yield(*event, nil) {
				return
			}
		}
	}
}

// currentLogAfter checks the arguments of a reading of all events, and returns a log that reaches after.
func (s *Store) currentLogAfter(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) ([]*eventstore.RecordedEvent, error) {
	if err := filter.Validate(); err != nil {
		return nil, err
	}
	if after < 0 {
		return nil, fmt.Errorf("%w: the position is negative", eventstore.ErrInvalid)
	}
	log, err := s.currentLog(ctx)
	if err != nil {
		return nil, err
	}
	if after > head(log) {
		return nil, fmt.Errorf("%w: the head is at %d", eventstore.ErrBeyondHead, head(log))
	}
	return log, nil
}
