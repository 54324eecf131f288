package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// errRerouted says that a parked sequence cannot be put together as it was when it was parked.
var errRerouted = errors.New("the parked sequence is not what it was")

// unroutedError says that nobody can tell which sequence an event belongs to.
type unroutedError struct{ error }

func (e unroutedError) Error() string { return "its sequence cannot be told: " + e.error.Error() }
func (e unroutedError) Unwrap() error { return e.error }

func isUnrouted(err error) bool {
	var unrouted unroutedError
	return errors.As(err, &unrouted)
}

// unrouted is an event that every partition stops at, as it may be for any of them.
type unrouted struct {
	event eventstore.RecordedEvent
	err   error
}

// sequenceOf returns the sequence that an event belongs to, the zero value where it is for nobody.
func (s *session) sequenceOf(event eventstore.RecordedEvent) (eventstore.StreamID, error) {
	if s.Sequence == nil {
		return event.Stream, nil
	}
	sequence, err := s.callSequence(event)
	if err == nil && sequence != (eventstore.StreamID{}) {
		err = sequence.Validate()
	}
	if err != nil {
		return eventstore.StreamID{}, unroutedError{err}
	}
	return sequence, nil
}

func (s *session) callSequence(event eventstore.RecordedEvent) (sequence eventstore.StreamID, err error) {
	defer Recover(&err)
	return s.Sequence(event)
}

// ownRouted returns which of the events up to a position belong to sequences of this partition, and how far it may move.
func (s *session) ownRouted(
	events []eventstore.RecordedEvent, through eventstore.Position,
) (own []eventstore.RecordedEvent, reached eventstore.Position, stuck *unrouted) {
	reached = s.at.Position
	for _, event := range events {
		sequence, err := s.sequenceOf(event)
		if err != nil {
			return own, reached, &unrouted{event, err}
		}
		if sequence != (eventstore.StreamID{}) && s.owns(sequence) {
			own = append(own, event)
		}
		reached = event.Position
	}
	return own, through, nil
}

// giveUpUnrouted gives up an event that is next and stuck, unless it is not the event's fault. It is not tried again, as
// its sequence depends on nothing but the event.
func (s *session) giveUpUnrouted(ctx context.Context, stuck *unrouted) error {
	move := s.move(s.at.Position, stuck.event.Position)
	if err := s.excuse(ctx, move, stuck.err); err != nil {
		return err
	}
	if isNotHere(stuck.err) {
		return atEvent(stuck.event, stuck.err)
	}
	return s.giveUp(ctx, s, move, stuck.event, stuck.err)
}

// policyAt returns what becomes of an event that has failed with an error.
func (s *session) policyAt(failed error) Policy {
	switch {
	case !isUnrouted(failed):
		return s.Policy
	case s.Unrouted == Skip:
		return Skip
	default:
		return Pause
	}
}

// recordsSkip reports whether this partition records that an event is skipped. One that is unrouted is passed over by
// all, and recorded by the one that its stream would belong to.
func (s *session) recordsSkip(event eventstore.RecordedEvent, failed error) bool {
	return !isUnrouted(failed) || eventstore.PartitionOf(event.Stream, s.at.Partitions) == s.at.Partition
}

// atRouted says at which event a sequence has failed, where the name of the sequence does not.
func (s *session) atRouted(event eventstore.RecordedEvent, failed error) error {
	if s.Sequence == nil {
		return failed
	}
	return atEvent(event, failed)
}

// readRouted does what readSequence does where events of many streams belong to a sequence: it looks for them among all
// that the consumer selects. It returns an errRerouted when the first event that waits does not belong to the sequence any
// more, or some event might.
func (s *session) readRouted(
	ctx context.Context, sequence eventstore.Parked, limit int,
) (events []eventstore.RecordedEvent, rest *eventstore.Parked, err error) {
	found := false
	for event, err := range s.Store.ReadAll(ctx, sequence.Position-1, s.Filter) {
		if err != nil {
			return nil, nil, fmt.Errorf("read the parked events of %q: %w", sequence.Stream, err)
		}
		isMissing := !found && event.Position != sequence.Position
		if isMissing || event.Position > s.at.Position {
			break
		}
		found = true
		belongs, err := s.belongs(event, sequence)
		switch {
		case err != nil:
			return nil, nil, err
		case belongs && len(events) == limit:
			sequence.Version, sequence.Position, sequence.Type = event.Version, event.Position, event.Type
			return events, &sequence, nil
		case belongs:
			events = append(events, event)
		}
	}
	if !found {
		return nil, nil, fmt.Errorf("%w: there is no event at position %d that the %s selects",
			errRerouted, sequence.Position, s.Kind)
	}
	return events, nil, nil
}

// belongs reports whether an event that lies in the range of a parked sequence belongs to it. One that was skipped as
// unrouted belongs to none.
func (s *session) belongs(event eventstore.RecordedEvent, parked eventstore.Parked) (bool, error) {
	sequence, err := s.sequenceOf(event)
	isFirst := event.Position == parked.Position
	switch {
	case isNotHere(err):
		return false, atEvent(event, err)
	case err != nil && (isFirst || s.Unrouted != Skip):
		return false, fmt.Errorf("%w: %w", errRerouted, atEvent(event, err))
	case isFirst && sequence != eventstore.StreamID{} && sequence != parked.Stream:
		return false, fmt.Errorf("%w: %w", errRerouted, atEvent(event, fmt.Errorf("it belongs to %q now", sequence)))
	}
	return err == nil && sequence == parked.Stream, nil
}
