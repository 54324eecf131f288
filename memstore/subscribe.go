package memstore

import (
	"context"
	"fmt"
	"iter"

	"github.com/pasttense/pasttense/eventstore"
)

// maxScan is how many events a subscription looks at for one batch. It bounds the time for which a filter that selects
// little hides that Through moves and that the context has ended.
const maxScan = 1 << 16

// Subscribe implements [eventstore.Store]. An append wakes the subscriptions that wait for it at once. The bounds of a
// batch are those of [Options].
func (s *Store) Subscribe(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.Batch, error] {
	return func(yield func(eventstore.Batch, error) bool) {
		through := after
		log, err := s.currentLogAfter(ctx, after, filter)
		for err == nil {
			batch := s.cut(log, through, filter)
			if !yield(batch, nil) {
				return
			}
			through = batch.Through
			log, err = s.await(ctx, through)
		}
		yield(eventstore.Batch{}, fmt.Errorf("subscription after position %d: %w", through, err))
	}
}

// cut makes the batch that follows a position.
func (s *Store) cut(
	log []*eventstore.RecordedEvent, after eventstore.Position, filter eventstore.Filter,
) eventstore.Batch {
	batch := eventstore.Batch{Through: after}
	rest := log[after:]
	size := 0
	for _, event := range rest[:min(len(rest), maxScan)] {
		if filter.Matches(event.Stream.Category, event.Type) {
			size += len(event.Data)
			if full := size > s.batchBytes || len(batch.Events) == s.batchEvents; full && len(batch.Events) > 0 {
				break
			}
			batch.Events = append(batch.Events, *event)
		}
		batch.Through = event.Position
	}
	batch.CaughtUp = batch.Through == head(log)
	return batch
}

// await returns the log once it has events after the position.
func (s *Store) await(ctx context.Context, after eventstore.Position) ([]*eventstore.RecordedEvent, error) {
	for {
		log, grown, err := s.logOrGrown(ctx, after)
		if grown == nil {
			return log, err
		}
		select {
		case <-grown:
		case <-ctx.Done():
		}
	}
}

// logOrGrown returns the log if it has events after the position, and otherwise a channel that is closed when the log
// grows or the store closes.
func (s *Store) logOrGrown(
	ctx context.Context, after eventstore.Position,
) ([]*eventstore.RecordedEvent, <-chan struct{}, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, eventstore.ErrClosed
	}
	if head(s.log) > after {
		return s.log, nil, nil
	}
	if s.grown == nil {
		s.grown = make(chan struct{})
	}
	return nil, s.grown, nil
}
