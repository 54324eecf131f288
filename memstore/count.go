package memstore

import (
	"context"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

var _ eventstore.Counter = (*Store)(nil)

// Count implements [eventstore.Counter]. It looks at every event between the positions, until it has counted up to the
// limit. As for ReadAll, [eventstore.ErrBeyondHead] means that the store has not reached after; through may be beyond
// the head.
func (s *Store) Count(
	ctx context.Context, after, through eventstore.Position, filter eventstore.Filter, limit int,
) (int, error) {
	count, err := s.count(ctx, after, through, filter, limit)
	if err != nil {
		return 0, fmt.Errorf("count the events after position %d up to %d: %w", after, through, err)
	}
	return count, nil
}

func (s *Store) count(
	ctx context.Context, after, through eventstore.Position, filter eventstore.Filter, limit int,
) (int, error) {
	if limit < 0 {
		return 0, fmt.Errorf("%w: the limit is negative", eventstore.ErrInvalid)
	}
	log, err := s.currentLogAfter(ctx, after, filter)
	if err != nil {
		return 0, err
	}
	counted := 0
	for _, event := range log[after:max(after, min(through, head(log)))] {
		if !filter.Matches(event.Stream.Category, event.Type) {
			continue
		}
		counted++
		if counted == limit {
			break
		}
	}
	return counted, ctx.Err()
}
