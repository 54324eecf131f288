package processmanager

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Runner is a [Manager] of any types.
type Runner interface {
	// Run runs the manager as the function [Run] does.
	Run(ctx context.Context) error
}

// Run runs managers until ctx ends, and returns nil when all have stopped. Any number of processes may run the same
// managers.
//
// A manager whose reaction fails is paused, in every process, right before the event at fault; [eventstore.Checkpoints]
// shows and resumes it, by [Manager.Consumer]. Commands that were decided on before are dispatched nevertheless. A
// command that fails is dispatched again, with backoff and without end; see [Manager.Pending]. When store or agenda
// cannot be reached Run tries again. It returns an error, after it has stopped all managers, only where trying again is
// hopeless: one that wraps [eventstore.ErrBeyondHead], [eventstore.ErrClosed] or [eventstore.ErrInvalid].
//
// When ctx ends nothing new is begun. A dispatch in hand is finished and recorded: its context goes on until its
// timeout. So Run may return that much later, and never while a dispatch does not heed its context.
func Run(ctx context.Context, managers ...Runner) error {
	return consumer.RunAll(ctx, managers...)
}

// Run runs the manager by itself, as the function [Run] does.
func (m *Manager[S, C]) Run(ctx context.Context) error {
	events, err := m.start()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var dispatching sync.WaitGroup
	dispatching.Go(func() { m.dispatchUntil(ctx) })
	err = events.Run(ctx)
	stop()
	dispatching.Wait()
	return err
}

// CatchUp handles all events up to the head, dispatches all commands that are pending, and begins again until nothing
// is left to do: the events that the commands brought about are handled too. It is meant for tests and batch jobs, and
// does its work in one order only, one command at a time, in the goroutine of the caller.
//
// It returns the error of the first event or command that fails, with the names of process, instance and command. A
// command that has failed is postponed: a later CatchUp waits until it is due again, and for those that another process
// has in hand. For a paused manager the error is [eventstore.ErrPaused]; when ctx ends first, the error of ctx.
func (m *Manager[S, C]) CatchUp(ctx context.Context) error {
	events, err := m.start()
	if err != nil {
		return err
	}
	for {
		if err := events.CatchUp(ctx); err != nil {
			return err
		}
		quiet, err := m.dispatchAll(ctx)
		if err != nil || quiet {
			return err
		}
	}
}

// dispatchAll dispatches until there are no tasks. It reports whether there were none to begin with.
func (m *Manager[S, C]) dispatchAll(ctx context.Context) (quiet bool, err error) {
	for quiet = true; ; quiet = false {
		worked, err := m.dispatchOne(ctx)
		if err != nil {
			return false, err
		}
		if worked {
			continue
		}
		tasks, err := m.Pending(ctx)
		if err != nil || len(tasks) == 0 {
			return quiet, err
		}
		if err := consumer.Wait(ctx, m.options.PollInterval); err != nil {
			return false, fmt.Errorf("process %q: wait until the commands of instance %q are due: %w",
				m.name, tasks[0].Instance, err)
		}
	}
}

// dispatchOne works on the task that is due first, if one is.
func (m *Manager[S, C]) dispatchOne(ctx context.Context) (worked bool, err error) {
	tasks, deadline, err := m.claim(ctx, 1)
	if err != nil || len(tasks) == 0 {
		return false, err
	}
	return true, m.work(ctx, tasks[0], deadline)
}

// claim returns tasks that are due, and when their lease ends. The lease begins later than this process's clock says, at
// the earliest when the agenda was asked.
func (m *Manager[S, C]) claim(ctx context.Context, limit int) ([]eventstore.Task, time.Time, error) {
	deadline := time.Now().Add(m.options.Lease)
	tasks, err := m.agenda.Claim(ctx, m.Consumer().Name, limit, m.options.Lease)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("process %q: look for commands to dispatch: %w", m.name, err)
	}
	return tasks, deadline, nil
}
