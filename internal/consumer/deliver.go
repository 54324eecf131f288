package consumer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
)

// deliver hands events on and makes the move. What it returns is an error of the store or the checkpoints, or one that
// is NotHere, or that of giveUp, or errChanged.
func (s *session) deliver(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
	if len(events) == 0 && move.To <= move.From {
		return nil
	}
	for attempt := 1; ; attempt++ {
		failed := s.handle(ctx, move, events)
		if failed == nil {
			return nil
		}
		if err := s.excuse(ctx, move, failed); err != nil {
			return err
		}
		switch {
		case len(events) == 0:
			return fmt.Errorf("move the checkpoint from position %d to %d: %w", move.From, move.To, failed)
		case len(events) > 1:
			return s.deliverHalves(ctx, move, events, failed)
		case isNotHere(failed):
			return atEvent(events[0], failed)
		case attempt >= s.attempts || IsPermanent(failed):
			return s.giveUp(ctx, s, move, events[0], failed)
		}
		delay := s.Retry.Delay(attempt)
		s.Logger.WarnContext(ctx, s.Kind+" failed at an event, trying again",
			"error", atEvent(events[0], failed), "attempt", attempt, "delay", delay)
		if err := Wait(ctx, delay); err != nil {
			return err
		}
	}
}

// deliverHalves hands on the first and then the second half of events that have failed together. The first half that
// fails is halved again, until the event that fails stands alone and all before it are committed.
func (s *session) deliverHalves(
	ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent, failed error,
) error {
	if !isNotHere(failed) { // which is told, each time, when the event stands alone
		s.Logger.WarnContext(ctx, s.Kind+" failed at a batch, halving it", "error", failed, "events", len(events))
	}
	half := len(events) / 2
	first, second := move, move
	first.To = events[half-1].Position
	second.From = first.To
	if err := s.deliver(ctx, first, events[:half]); err != nil {
		return err
	}
	return s.deliver(ctx, second, events[half:])
}

// handle calls Handle, and makes an error of its panic.
func (s *session) handle(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) (err error) {
	defer Recover(&err)
	move.Events = len(events)
	if err := s.Handle(ctx, move, events); err != nil {
		return err
	}
	s.has(move)
	return nil
}

// excuse returns an error when it was not the fault of the events that they could not be handled, or when they were
// handled although the acknowledgement was lost. The checkpoint tells.
func (s *session) excuse(ctx context.Context, move eventstore.Move, failed error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(failed, eventstore.ErrClosed) {
		return failed
	}
	now, err := s.checkpoint(ctx)
	if err != nil {
		// What failed is told as text, lest a sentinel in it be taken for one of the checkpoints.
		return fmt.Errorf("%w (after: %s)", err, failed.Error())
	}
	if now.Epoch != move.Epoch || now.Position != move.From {
		s.Logger.DebugContext(ctx, s.Kind+" was overtaken",
			"error", failed, "from", move.From, "checkpoint", now.Position, "epoch", move.Epoch, "now", now.Epoch)
		return errChanged
	}
	return nil
}

func atEvent(event eventstore.RecordedEvent, err error) error {
	return fmt.Errorf("event %q at version %d of stream %q, position %d: %w",
		event.Type, event.Version, event.Stream, event.Position, err)
}

// maxReasonBytes keeps the reason of a pause readable; a stack may be long.
const maxReasonBytes = 16 << 10

// reasonOf makes of an error a text that every database stores.
func reasonOf(err error) string {
	text := err.Error()
	if len(text) > maxReasonBytes {
		text = text[:maxReasonBytes] + " …"
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
