package consumer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// retriedEvents is how many parked events are handled in one transaction.
	retriedEvents = 100
	// parkedPage is how many parked sequences are looked through at once.
	parkedPage = 100
)

// There may be many parked sequences, of all partitions. A session reads none but those that concern it at the moment,
// and nothing where there are none. What it has read stays true as long as the epoch does.

// readParked finds out whether anything is parked at all.
func (s *session) readParked(ctx context.Context) error {
	if s.Parking == nil {
		return nil
	}
	some, err := s.readSequences(ctx, eventstore.ParkedQuery{Limit: 1, WithoutReason: true})
	s.anyParked = len(some) > 0
	return err
}

func (s *session) readSequences(
	ctx context.Context, query eventstore.ParkedQuery,
) ([]eventstore.Parked, error) {
	sequences, err := s.Parking.Parked(ctx, s.ID, query)
	if err != nil {
		return nil, fmt.Errorf("read what is parked: %w", err)
	}
	return sequences, nil
}

// withoutParked returns those of the partition's events whose sequences are not parked.
func (s *session) withoutParked(
	ctx context.Context, events []eventstore.RecordedEvent,
) ([]eventstore.RecordedEvent, error) {
	if !s.anyParked || len(events) == 0 {
		return events, nil
	}
	names := make([]eventstore.StreamID, len(events))
	parked := make(map[eventstore.StreamID]bool)
	for i, event := range events {
		name, err := s.sequenceOf(event)
		if err != nil {
			return nil, err
		}
		names[i] = name
		parked[name] = s.withheld[name]
	}
	query := eventstore.ParkedQuery{Streams: slices.Collect(maps.Keys(parked)), WithoutReason: true}
	sequences, err := s.readSequences(ctx, query)
	if err != nil || len(sequences) == 0 && len(s.withheld) == 0 {
		return events, err
	}
	for _, sequence := range sequences {
		parked[sequence.Stream] = true
		if s.withheld == nil {
			s.withheld = make(map[eventstore.StreamID]bool)
		}
		s.withheld[sequence.Stream] = true
	}
	var rest []eventstore.RecordedEvent // the events are shared
	for i, event := range events {
		if !parked[names[i]] {
			rest = append(rest, event)
		}
	}
	return rest, nil
}

// retryParked tries the first of the partition's sequences again that somebody has asked for. Having done so it returns
// errChanged, as that begins a new epoch.
func (s *session) retryParked(ctx context.Context) error {
	if !s.anyParked {
		return nil
	}
	query := eventstore.ParkedQuery{Retry: true, Limit: parkedPage, WithoutReason: true}
	for {
		page, err := s.readSequences(ctx, query)
		if err != nil {
			return err
		}
		for _, sequence := range page {
			if s.owns(sequence.Stream) {
				return s.retryStream(ctx, sequence.Stream)
			}
		}
		if len(page) < parkedPage {
			return nil
		}
		query.After = page[len(page)-1].Position
	}
}

// retryStream reads all of a sequence, as it is kept with its reason where it is not handled, and tries it again.
func (s *session) retryStream(ctx context.Context, stream eventstore.StreamID) error {
	sequences, err := s.readSequences(ctx, eventstore.ParkedQuery{Streams: []eventstore.StreamID{stream}})
	switch {
	case err != nil:
		return err
	case len(sequences) == 0: // it was discarded meanwhile
		return errChanged
	}
	return s.retry(ctx, sequences[0])
}

// retry hands on the next events of a parked sequence, in order. When they fail together the first is tried alone, so
// that what comes before the one that fails is committed.
func (s *session) retry(ctx context.Context, sequence eventstore.Parked) error {
	for limit := retriedEvents; ; limit = 1 {
		events, rest, err := s.readSequence(ctx, sequence, limit)
		switch {
		case errors.Is(err, errRerouted):
			return s.parkAgain(ctx, sequence, err)
		case err != nil:
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
		switch {
		case len(events) > 1:
		case len(events) == 0:
			return s.parkAgain(ctx, sequence, failed)
		case isNotHere(failed):
			return atEvent(events[0], failed)
		default:
			return s.parkAgain(ctx, sequence, s.atRouted(events[0], failed))
		}
	}
}

// readSequence returns the first events of a parked sequence, which ends at the checkpoint, and what is left of it then.
func (s *session) readSequence(
	ctx context.Context, sequence eventstore.Parked, limit int,
) (events []eventstore.RecordedEvent, rest *eventstore.Parked, err error) {
	if s.Sequence != nil {
		return s.readRouted(ctx, sequence, limit)
	}
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
