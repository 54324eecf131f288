package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// pausedPoll is how often a paused consumer looks whether it was resumed.
const pausedPoll = time.Second

// never is a position that no store reaches.
const never eventstore.Position = math.MaxInt64

// errCheckpointChanged says that the checkpoint is not where the subscription took it to be: it must be read again.
var errCheckpointChanged = errors.New("checkpoint has changed")

// Runner runs a consumer. Its methods are safe for concurrent use, and any number of runners of the same consumer may
// run at once, in any number of processes: of two that hand on the same events one makes the move.
type Runner struct {
	config Config
}

// New returns a runner. It does not check the config, which comes from the packages that are built on it.
func New(config Config) *Runner {
	config.Retry = config.Retry.WithDefaults()
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	config.Logger = config.Logger.With("consumer", config.Name)
	return &Runner{config: config}
}

// Run hands on all events after the checkpoint, and then each new one, until ctx ends; then it returns nil. A batch in
// hand is rolled back unless its commit was under way: it is handed on again by the next Run.
//
// An event that fails is tried again as [Retry] says, and then the consumer is paused, in every process, right before
// it. While it is paused Run looks once a second whether it was resumed. When the store or the checkpoints cannot be
// reached Run tries again for ever. It returns an error only where that is hopeless: [eventstore.ErrBeyondHead],
// [eventstore.ErrClosed] and [eventstore.ErrInvalid].
func (r *Runner) Run(ctx context.Context) error {
	s := &session{Config: r.config, attempts: r.config.Retry.Attempts}
	s.giveUp = s.pause
	for ctx.Err() == nil {
		err := s.follow(ctx, never)
		switch {
		case ctx.Err() != nil, errors.Is(err, errCheckpointChanged):
		case errors.Is(err, eventstore.ErrPaused):
			s.waitPaused(ctx, err)
		case isHopeless(err):
			return fmt.Errorf("run %s %q: %w", s.Kind, s.Name, err)
		default:
			s.waitOut(ctx, err)
		}
	}
	return nil
}

// CatchUp hands on all events up to the head as it was when CatchUp began, once that is stable, and returns.
//
// It leaves failures to its caller: it neither tries again nor pauses. When an event fails, everything before it is
// committed and the error names the event and wraps that of Handle. For a paused consumer it is
// [eventstore.ErrPaused], with the reason; when ctx ends first, the error of ctx.
// A CatchUp may run beside others, and beside Run.
func (r *Runner) CatchUp(ctx context.Context) error {
	s := &session{Config: r.config, attempts: 1, giveUp: failAtEvent}
	err := s.catchUp(ctx)
	if err != nil {
		return fmt.Errorf("catch up %s %q: %w", s.Kind, s.Name, err)
	}
	return nil
}

// session is one call of Run or CatchUp.
type session struct {
	Config
	// attempts is how often an event is tried by itself before giveUp.
	attempts int
	giveUp   func(ctx context.Context, move eventstore.Move, event eventstore.RecordedEvent, err error) error
	// failures counts how often the store or the checkpoints have failed since something went well.
	failures int
	// paused says that the log has been told that the consumer is paused.
	paused bool
}

func (s *session) catchUp(ctx context.Context) error {
	head, err := s.Store.Head(ctx)
	if err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	for {
		err := s.follow(ctx, head)
		if !errors.Is(err, errCheckpointChanged) {
			return err
		}
	}
}

// follow hands on what the store has after the checkpoint, up to a position that it may go beyond.
func (s *session) follow(ctx context.Context, until eventstore.Position) error {
	checkpoint, err := s.checkpoint(ctx)
	if err != nil {
		return err
	}
	if checkpoint.Paused {
		return fmt.Errorf("%w at position %d: %s", eventstore.ErrPaused, checkpoint.Position, checkpoint.Reason)
	}
	s.noteResumed(checkpoint)
	at := checkpoint.Position
	for batch, err := range s.Store.Subscribe(ctx, at, s.Filter) {
		if err != nil {
			return fmt.Errorf("read events after position %d: %w", at, err)
		}
		move := eventstore.Move{Consumer: s.Name, From: at, To: batch.Through}
		if err := s.deliver(ctx, move, batch.Events); err != nil {
			return err
		}
		s.failures = 0
		at = max(at, batch.Through)
		if at >= until {
			return nil
		}
	}
	return fmt.Errorf("read events after position %d: the subscription has ended", at)
}

func (s *session) checkpoint(ctx context.Context) (eventstore.Checkpoint, error) {
	checkpoint, err := s.Checkpoints.Checkpoint(ctx, s.Name)
	if err != nil {
		return eventstore.Checkpoint{}, fmt.Errorf("read the checkpoint: %w", err)
	}
	return checkpoint, nil
}

// isHopeless reports whether an error of the store or the checkpoints will not go away by waiting.
func isHopeless(err error) bool {
	return errors.Is(err, eventstore.ErrBeyondHead) ||
		errors.Is(err, eventstore.ErrClosed) ||
		errors.Is(err, eventstore.ErrInvalid)
}

// waitOut waits before the store is tried again. The caller looks at ctx.
func (s *session) waitOut(ctx context.Context, err error) {
	s.failures++
	delay := s.Retry.Delay(s.failures)
	s.Logger.WarnContext(ctx, s.Kind+" cannot go on, trying again", "error", err, "failures", s.failures, "delay", delay)
	_ = Wait(ctx, delay)
}

// waitPaused waits before it is looked whether the consumer was resumed. The caller looks at ctx.
func (s *session) waitPaused(ctx context.Context, err error) {
	if !s.paused {
		s.paused = true
		s.Logger.WarnContext(ctx, s.Kind+" waits to be resumed", "error", err)
	}
	_ = Wait(ctx, pausedPoll)
}

func (s *session) noteResumed(checkpoint eventstore.Checkpoint) {
	if s.paused {
		s.paused = false
		s.Logger.Info(s.Kind+" was resumed", "position", checkpoint.Position)
	}
}
