package consumer

import (
	"context"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// retriedEvents is how many parked events are handled in one transaction.
const retriedEvents = 100

// readParked reads which streams of the partition are parked. It stays true as long as the epoch does.
func (s *session) readParked(ctx context.Context) error {
	if s.Parking == nil {
		return nil
	}
	sequences, err := s.Parking.Parked(ctx, s.ID)
	if err != nil {
		return fmt.Errorf("read what is parked: %w", err)
	}
	s.parked = make(map[eventstore.StreamID]eventstore.Parked)
	for _, sequence := range sequences {
		if eventstore.PartitionOf(sequence.Stream, s.at.Partitions) == s.at.Partition {
			s.parked[sequence.Stream] = sequence
		}
	}
	return nil
}

// retryParked tries one of the sequences again that somebody has asked for. Having done so it returns errChanged, as
// that begins a new epoch.
func (s *session) retryParked(ctx context.Context) error {
	for _, sequence := range s.parked {
		if sequence.Retry {
			return s.retry(ctx, sequence)
		}
	}
	return nil
}

// retry hands on the next events of a parked sequence, in order. When they fail together the first is tried alone, so
// that what comes before the one that fails is committed.
func (s *session) retry(ctx context.Context, sequence eventstore.Parked) error {
	for limit := retriedEvents; ; limit = 1 {
		events, rest, err := s.readSequence(ctx, sequence, limit)
		if err != nil {
			return err
		}
		move := s.move(s.at.Position, s.at.Position)
		if rest == nil {
			move.Unpark = []eventstore.StreamID{sequence.Stream}
		} else {
			move.Park = []eventstore.Parked{*rest}
		}
		failed := s.handle(ctx, move, events)
		if failed == nil {
			s.Logger.InfoContext(ctx, s.Kind+" has handled parked events", "stream", sequence.Stream.String(),
				"from", sequence.Version, "events", len(events), "all", rest == nil)
			return errChanged
		}
		if err := s.excuse(ctx, move, failed); err != nil {
			return err
		}
		if len(events) <= 1 {
			return s.parkAgain(ctx, sequence, failed)
		}
	}
}

// readSequence returns the first events of a parked sequence, which ends at the checkpoint, and what is left of it then.
func (s *session) readSequence(
	ctx context.Context, sequence eventstore.Parked, limit int,
) (events []eventstore.RecordedEvent, rest *eventstore.Parked, err error) {
	options := eventstore.ReadOptions{From: sequence.Version, Limit: limit + 1}
	for event, err := range s.Store.ReadStream(ctx, sequence.Stream, options) {
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("read the parked events of stream %q: %w", sequence.Stream, err)
		case event.Position > s.at.Position:
			return events, nil, nil
		case len(events) == limit:
			sequence.Version, sequence.Position, sequence.Type = event.Version, event.Position, event.Type
			return events, &sequence, nil
		}
		events = append(events, event)
	}
	return events, nil, nil
}

// parkAgain notes that a sequence was tried in vain.
func (s *session) parkAgain(ctx context.Context, sequence eventstore.Parked, failed error) error {
	sequence.Retry = false
	sequence.Attempts++
	sequence.Reason = reasonOf(failed)
	move := s.move(s.at.Position, s.at.Position)
	move.Park = []eventstore.Parked{sequence}
	if err := s.Handle(ctx, move, nil); err != nil {
		if err := s.excuse(ctx, move, err); err != nil {
			return err
		}
		return fmt.Errorf("park stream %q again: %w", sequence.Stream, err)
	}
	s.Logger.ErrorContext(ctx, s.Kind+" has failed again at a parked event",
		"stream", sequence.Stream.String(), "version", sequence.Version, "error", failed, "attempts", sequence.Attempts)
	return errChanged
}
