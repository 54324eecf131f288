package processmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// work dispatches the commands of an instance, one after the other, until none is left or one fails or ctx ends. The
// task is then done or postponed. It returns the error of the command that failed.
//
// What it has begun it finishes also when ctx ends, but before the deadline, at which the lease of the task ends.
func (m *Manager[S, C]) work(ctx context.Context, task eventstore.Task, deadline time.Time) error {
	leased, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	attempt := task.Attempts + 1
	i, err := m.history.load(leased, task.Instance)
	for err == nil {
		command := i.next()
		switch {
		case command == nil:
			return m.done(leased, task)
		case ctx.Err() != nil || time.Until(deadline) < m.options.DispatchTimeout+m.options.reserve():
			return m.postpone(leased, task, 0, "") // handed back, without having failed
		}
		if err = m.settle(leased, i, command, attempt); err == nil {
			attempt = 1
		}
	}
	return errors.Join(err, m.postpone(leased, task, m.options.retry().Delay(attempt), reasonOf(err)))
}

func (m *Manager[S, C]) done(ctx context.Context, task eventstore.Task) error {
	if err := m.agenda.Done(ctx, task); err != nil {
		return fmt.Errorf("process %q, instance %q: finish the dispatch of commands: %w", m.name, task.Instance, err)
	}
	return nil
}

func (m *Manager[S, C]) postpone(
	ctx context.Context, task eventstore.Task, delay time.Duration, reason string,
) error {
	if err := m.agenda.Postpone(ctx, task, delay, reason); err != nil {
		return fmt.Errorf("process %q, instance %q: postpone the dispatch of commands: %w", m.name, task.Instance, err)
	}
	return nil
}

// settle dispatches a command and records what became of it. After an error the command is as pending as before,
// although its receiver may have got it.
func (m *Manager[S, C]) settle(ctx context.Context, i *instance, pending *tracked, attempt int) error {
	if err := m.trySettle(ctx, i, pending, attempt); err != nil {
		return fmt.Errorf("process %q, instance %q: dispatch command %s (%q), attempt %d: %w",
			m.name, i.stream.Key, pending.ID, pending.Type, attempt, err)
	}
	return nil
}

// trySettle makes errors of the panics of all that the user has given: codec, dispatch and reaction.
func (m *Manager[S, C]) trySettle(ctx context.Context, i *instance, pending *tracked, attempt int) (err error) {
	defer consumer.Recover(&err)
	command, err := m.command(i, pending, attempt)
	if err != nil {
		return err
	}
	err = m.call(ctx, command)
	if err == nil {
		return m.recordDispatched(ctx, i, command)
	}
	if reason := refusalOf(err); reason != nil {
		return m.recordRefused(ctx, i, Refused[C]{Command: command, Err: reason})
	}
	return err
}

// command returns a command as dispatch gets it.
func (m *Manager[S, C]) command(i *instance, pending *tracked, attempt int) (Command[C], error) {
	decoded, err := m.decodeCommand(pending)
	if err != nil {
		return Command[C]{}, err
	}
	metadata := pending.decision.Metadata
	return Command[C]{
		ID:       pending.ID,
		Process:  m.name,
		Instance: i.stream.Key,
		Command:  decoded,
		Attempt:  attempt,
		Metadata: eventstore.Metadata{
			CorrelationID: metadata.CorrelationID,
			CausationID:   pending.ID.String(),
			TraceParent:   metadata.TraceParent,
		},
	}, nil
}

func (m *Manager[S, C]) call(ctx context.Context, command Command[C]) error {
	ctx, cancel := context.WithTimeout(eventstore.WithMetadata(ctx, command.Metadata), m.options.DispatchTimeout)
	defer cancel()
	return m.dispatch(ctx, command)
}

func (m *Manager[S, C]) recordDispatched(ctx context.Context, i *instance, command Command[C]) error {
	return m.history.update(ctx, i, func(i *instance) ([]eventstore.EventData, error) {
		if !i.isPending(command.ID) {
			return nil, nil // Another process has dispatched it too, and was first to say so.
		}
		record, err := encodeRecord(typeDispatched,
			dispatchedRecord{Command: command.ID, Attempt: command.Attempt}, command.Metadata)
		return []eventstore.EventData{record}, err
	})
}

// recordRefused records a refusal together with what the instance decides on it, so that it does so once.
func (m *Manager[S, C]) recordRefused(ctx context.Context, i *instance, refusal Refused[C]) error {
	command := refusal.Command
	ignored := false
	err := m.history.update(ctx, i, func(i *instance) ([]eventstore.EventData, error) {
		if !i.isPending(command.ID) {
			return nil, nil
		}
		record, err := encodeRecord(typeRefused,
			refusedRecord{Command: command.ID, Attempt: command.Attempt, Reason: reasonOf(refusal.Err)}, command.Metadata)
		if err != nil {
			return nil, err
		}
		in := input{Refused: &command.ID}
		if ignored = m.onRefused == nil || !i.wants(in); ignored {
			return []eventstore.EventData{record}, nil
		}
		decision, err := m.decide(in, m.reactionTo(refusal), i.state)
		if err != nil {
			return nil, err
		}
		reaction, err := encodeRecord(typeDecided, decision, command.Metadata)
		return []eventstore.EventData{record, reaction}, err
	})
	if err == nil && ignored {
		m.log.WarnContext(ctx, "command was refused and the process manager does not react",
			"instance", command.Instance, "command", command.ID, "error", refusal.Err)
	}
	return err
}
