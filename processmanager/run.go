package processmanager

import (
	"context"
	"fmt"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Runner is a [Manager] of any types.
type Runner interface {
	// Run runs the manager as the function [Run] does.
	Run(ctx context.Context) error
}

// Run runs managers until ctx ends, and returns nil when all have stopped. Any number of processes may run the same
// managers: they share out the partitions of the events, and take up commands and timers as they are free.
//
// An event whose reaction fails is parked with those that come later for the same instance, a command that was tried too
// often with its instance: [Manager.Parked] shows both, [Manager.Retry], [Manager.Skip] and [Manager.Fail] are the ways
// out. An event that cannot be decoded or routed pauses the manager, as [Options].Unrouted says, in every process;
// [eventstore.Checkpoints] shows and resumes it, by [Manager.Consumer]. When store or agenda cannot be reached Run tries
// again. It returns an error, after it has stopped all managers, only where trying again is hopeless: one that wraps
// [eventstore.ErrBeyondHead], [eventstore.ErrClosed] or [eventstore.ErrInvalid].
//
// When ctx ends nothing new is begun. A dispatch in hand is finished and recorded: its context goes on until its
// timeout. So Run may return that much later, and never while a dispatch does not heed its context.
func Run(ctx context.Context, managers ...Runner) error {
	return consumer.RunAll(ctx, managers...)
}

// Run runs the manager by itself, as the function [Run] does.
func (m *Manager[S, C]) Run(ctx context.Context) error {
	events, err := m.core.start(m.core.options.Concurrency)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var dispatching sync.WaitGroup
	dispatching.Go(func() { m.core.dispatchUntil(ctx, eventstore.DutyCommands) })
	dispatching.Go(func() { m.core.dispatchUntil(ctx, eventstore.DutyTimers) })
	err = events.Run(ctx)
	stop()
	dispatching.Wait()
	return err
}

// CatchUp handles all events up to the head, fires all timers that are due, dispatches all commands that are pending,
// and begins again until nothing is left to do: the events that the commands brought about are handled too. It is meant
// for tests and batch jobs, and does its work in one order only, one instance at a time.
//
// It returns the error of the first timer or command that fails, with the names of process, instance and command, and
// goes on from there when it is called again. A command that has failed is postponed: a later CatchUp waits until it is
// due again, and for those that another process has in hand. What is parked is not waited for, nor are timers that wait
// for a parked event: they are looked at again some seconds after that was handled. For a paused manager the
// error is [eventstore.ErrPaused], for an event that cannot be routed that of the event; when ctx ends first, the error
// of ctx.
func (m *Manager[S, C]) CatchUp(ctx context.Context) error {
	events, err := m.core.start(1)
	if err != nil {
		return err
	}
	for {
		if err := events.CatchUp(ctx); err != nil {
			return err
		}
		fired, err := m.core.fireAll(ctx)
		if err != nil {
			return err
		}
		quiet, err := m.core.dispatchAll(ctx)
		if err != nil || quiet && !fired {
			return err
		}
	}
}

// fireAll fires all timers that are due. It reports whether there were any.
func (m *core[C]) fireAll(ctx context.Context) (fired bool, err error) {
	for {
		worked, err := m.workOnNext(ctx, eventstore.DutyTimers)
		if err != nil || !worked {
			return fired, err
		}
		fired = true
	}
}

// dispatchAll works until there are no commands. It reports whether there were none to begin with.
func (m *core[C]) dispatchAll(ctx context.Context) (quiet bool, err error) {
	for quiet = true; ; quiet = false {
		worked, err := m.workOnNext(ctx, eventstore.DutyCommands)
		if err != nil {
			return false, err
		}
		if worked {
			continue
		}
		pending, err := m.agenda.Entries(ctx, m.consumer().Name, eventstore.EntryQuery{Pending: true})
		waiting := firstWaiting(pending)
		if err != nil || waiting == nil {
			return quiet, err
		}
		if err := consumer.Wait(ctx, m.options.PollInterval); err != nil {
			return false, fmt.Errorf("process %q: wait until the commands of instance %q are due: %w",
				m.name, waiting.Instance, err)
		}
	}
}

// firstWaiting returns the first entry whose commands will be due, nil where there is none.
func firstWaiting(entries []eventstore.Entry) *eventstore.Entry {
	for _, entry := range entries {
		if !entry.Parked {
			return &entry
		}
	}
	return nil
}

// workOnNext works on the task of a duty that is due first, if one is.
func (m *core[C]) workOnNext(ctx context.Context, duty eventstore.Duty) (worked bool, err error) {
	tasks, deadline, err := m.claim(ctx, duty, 1)
	if err != nil || len(tasks) == 0 {
		return false, err
	}
	err = m.workOn(ctx, tasks[0], deadline)
	if err != nil && duty == eventstore.DutyTimers {
		m.handBack(ctx, tasks[0])
	}
	return true, err
}
