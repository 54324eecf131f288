package consumer

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/pasttense/pasttense/eventstore"
)

// giveUp is how Run gives up an event: as the policy says.
func giveUp(
	ctx context.Context, s *session, move eventstore.Move, event eventstore.RecordedEvent, failed error,
) error {
	switch s.policyAt(failed) {
	case Park:
		return s.park(ctx, move, event, failed)
	case Skip:
		return s.skip(ctx, move, event, failed)
	default:
		return s.pause(ctx, move, event, failed)
	}
}

// giveUpToCaller is how CatchUp gives up an event: where Run would pause, its caller is told.
func giveUpToCaller(
	ctx context.Context, s *session, move eventstore.Move, event eventstore.RecordedEvent, failed error,
) error {
	if s.policyAt(failed) == Pause {
		return atEvent(event, failed)
	}
	return giveUp(ctx, s, move, event, failed)
}

func (s *session) pause(
	ctx context.Context, move eventstore.Move, event eventstore.RecordedEvent, failed error,
) error {
	failed = atEvent(event, failed)
	at := s.at
	at.Position = move.From
	err := s.Keeper.Pause(ctx, at, reasonOf(failed))
	if err != nil && !errors.Is(err, eventstore.ErrCheckpointMoved) {
		return fmt.Errorf("pause at position %d: %w", move.From, err)
	}
	if err == nil {
		s.Logger.ErrorContext(ctx, s.Kind+" is paused, resume it when the cause is removed",
			"error", failed, "position", move.From)
	}
	return errChanged
}

func (s *session) park(
	ctx context.Context, move eventstore.Move, event eventstore.RecordedEvent, failed error,
) error {
	sequence, err := s.sequenceOf(event)
	if err != nil {
		return s.giveUpUnrouted(ctx, &unrouted{event, err})
	}
	move.To = event.Position
	move.Park = []eventstore.Parked{{
		Stream:   sequence,
		Version:  event.Version,
		Position: event.Position,
		Type:     event.Type,
		Reason:   reasonOf(s.atRouted(event, failed)),
	}}
	return s.passOver(ctx, move, event, failed, "parked stream "+strconv.Quote(sequence.String())+", retry or discard it")
}

func (s *session) skip(
	ctx context.Context, move eventstore.Move, event eventstore.RecordedEvent, failed error,
) error {
	move.To = event.Position
	if !s.recordsSkip(event, failed) {
		return s.passOver(ctx, move, event, failed, "passed over an event that another partition records as skipped")
	}
	move.Events = 1
	move.Skip = []eventstore.Skipped{{
		Stream:   event.Stream,
		Version:  event.Version,
		Position: event.Position,
		Type:     event.Type,
		Reason:   reasonOf(failed),
	}}
	return s.passOver(ctx, move, event, failed, "skipped an event")
}

// passOver makes a move past an event that was given up. One that is parked counts when it is handled.
func (s *session) passOver(
	ctx context.Context, move eventstore.Move, event eventstore.RecordedEvent, failed error, done string,
) error {
	if err := s.Handle(ctx, move, nil); err != nil {
		if err := s.excuse(ctx, move, err); err != nil {
			return err
		}
		return fmt.Errorf("pass over the event at position %d: %w", event.Position, err)
	}
	s.Logger.ErrorContext(ctx, s.Kind+" "+done, "error", atEvent(event, failed))
	return errChanged
}
