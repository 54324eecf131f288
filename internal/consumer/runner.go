package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/pasttense/pasttense/eventstore"
)

// Runner runs a consumer. Its methods are safe for concurrent use, and any number of runners of the same consumer may
// run at once, in any number of processes.
type Runner struct {
	config Config
}

// New returns a runner. It does not check the config, which comes from the packages that are built on it.
func New(config Config) *Runner {
	config.Retry = config.Retry.WithDefaults()
	if config.Lease <= 0 {
		config.Lease = DefaultLease
	}
	if config.Partitions <= 0 {
		config.Partitions = 1
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	config.Logger = config.Logger.With("consumer", config.ID.Name)
	if config.ID.Version > 1 {
		config.Logger = config.Logger.With("version", config.ID.Version)
	}
	return &Runner{config: config}
}

// Run hands on all events after the checkpoints of its part of the partitions, and then each new one, until ctx ends;
// then it returns nil. A batch in hand is rolled back unless its commit was under way: it is handed on again by whoever
// works on the partition next, which may be at once.
//
// An event that fails is tried again as [Retry] says, and then it is paused, parked or skipped as [Policy] says. When the
// store or the checkpoints cannot be reached Run tries again for ever. It returns an error only where that is hopeless:
// [eventstore.ErrBeyondHead], [eventstore.ErrClosed] and [eventstore.ErrInvalid].
func (r *Runner) Run(ctx context.Context) error {
	if err := newMember(r.config).run(ctx); err != nil {
		return fmt.Errorf("run %s %q: %w", r.config.Kind, r.config.ID, err)
	}
	return nil
}

// CatchUp hands on all events up to the head as it was when CatchUp began, once that is stable, and returns: partition
// by partition, whoever owns them.
//
// It leaves failures to its caller and does not try again. When an event fails and the policy is to pause, everything
// before it is committed and the error names the event and wraps that of Handle; by the other policies it is parked or
// skipped. For a paused partition the error is [eventstore.ErrPaused], with the reason; when ctx ends first, that of ctx.
// A CatchUp may run beside others, and beside Run.
func (r *Runner) CatchUp(ctx context.Context) error {
	if err := catchUp(ctx, r.config); err != nil {
		return fmt.Errorf("catch up %s %q: %w", r.config.Kind, r.config.ID, err)
	}
	return nil
}

// define makes sure that there is something to run.
func define(ctx context.Context, config Config) error {
	if err := config.Keeper.Define(ctx, config.ID, config.Definition); err != nil {
		return fmt.Errorf("define it: %w", err)
	}
	if config.Prepare == nil {
		return nil
	}
	return config.Prepare(ctx)
}

// isHopeless reports whether an error of the store or the checkpoints will not go away by waiting.
func isHopeless(err error) bool {
	return errors.Is(err, eventstore.ErrBeyondHead) ||
		errors.Is(err, eventstore.ErrClosed) ||
		errors.Is(err, eventstore.ErrInvalid)
}
