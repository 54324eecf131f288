package processmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// workOnCommands dispatches the commands of an instance, one after the other, until none is left or one fails or ctx
// ends. The task is then released. It returns the error of the command that failed.
//
// What it has begun it finishes also when ctx ends, but before the lease of the task does.
func (m *core[C]) workOnCommands(ctx context.Context, task eventstore.Task, deadline time.Time) error {
	leased, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	i, err := m.recall(leased, task.Instance, task.Version)
	if err != nil {
		return err
	}
	release := eventstore.Release{Task: task}
	attempt := task.Attempts + 1
	for {
		command := i.next()
		if command == nil || i.Parked != nil || ctx.Err() != nil || release.Progress && m.isOutOfTime(ctx, deadline) {
			break // handed back, without having failed
		}
		if err = m.settle(leased, i, *command, attempt); err != nil {
			m.recent.drop(task.Instance)
			release.Delay = m.options.retry().Delay(attempt)
			if errors.Is(err, errNewer) { // another process can
				break
			}
			release.Failed, release.Reason = true, reasonOf(err)
			if attempt >= m.options.Attempts || consumer.IsPermanent(err) {
				err = errors.Join(err, m.parkCommand(leased, i, *command, attempt, release.Reason))
			}
			break
		}
		release.Progress, attempt = true, 1
	}
	release.Entry = i.entry(task.Process)
	if failed := m.agenda.Release(leased, release); failed != nil {
		return errors.Join(err,
			fmt.Errorf("process %q, instance %q: finish the dispatch of commands: %w", m.name, task.Instance, failed))
	}
	return err
}

// isOutOfTime reports whether there is no time to begin another dispatch.
func (m *core[C]) isOutOfTime(ctx context.Context, deadline time.Time) bool {
	return ctx.Err() != nil || time.Until(deadline) < m.options.DispatchTimeout+m.options.reserve()
}

// settle dispatches a command and records what became of it. After an error the command is as pending as before,
// although its receiver may have got it.
func (m *core[C]) settle(ctx context.Context, i *instance, pending tracked, attempt int) error {
	if err := m.trySettle(ctx, i, pending, attempt); err != nil {
		return fmt.Errorf("process %q, instance %q: dispatch command %s (%q), attempt %d: %w",
			m.name, i.stream.Key, pending.ID, pending.Type, attempt, err)
	}
	return nil
}

// trySettle makes errors of the panics of codec and dispatch.
func (m *core[C]) trySettle(ctx context.Context, i *instance, pending tracked, attempt int) (err error) {
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
func (m *core[C]) command(i *instance, pending tracked, attempt int) (Command[C], error) {
	decoded, err := m.decodeCommand(i.stream, pending.commandRecord)
	if err != nil {
		return Command[C]{}, err
	}
	return Command[C]{
		ID:       pending.ID,
		Process:  m.name,
		Instance: i.stream.Key,
		Command:  decoded,
		Attempt:  attempt,
		Undoes:   pending.Undoes,
		Metadata: pending.Metadata,
	}, nil
}

// decodeCommand returns a command as it was sent.
func (m *core[C]) decodeCommand(stream eventstore.StreamID, command commandRecord) (C, error) {
	var none C
	decoded, err := m.commands.Decode(eventstore.RecordedEvent{
		Stream:        stream,
		ID:            command.ID,
		Type:          command.Type,
		SchemaVersion: command.SchemaVersion,
		ContentType:   command.ContentType,
		Data:          command.bytes(),
	})
	if err != nil {
		return none, fmt.Errorf("decode command %s: %w", command.ID, err)
	}
	if len(decoded) != 1 {
		return none, fmt.Errorf("decode command %s (%q): its codec makes %d commands of it, it must be one",
			command.ID, command.Type, len(decoded))
	}
	return decoded[0], nil
}

func (m *core[C]) call(ctx context.Context, command Command[C]) error {
	ctx, cancel := context.WithTimeout(eventstore.WithMetadata(ctx, command.Metadata), m.options.DispatchTimeout)
	defer cancel()
	return m.dispatch(ctx, command)
}

func (m *core[C]) recordDispatched(ctx context.Context, i *instance, command Command[C]) error {
	return m.update(ctx, i, func(d *draft) error {
		if !d.isNext(command.ID) {
			return nil // Another process has dispatched it too, and was first to say so; or the instance has failed.
		}
		return d.add(dispatchedRecord{Command: command.ID, Attempt: command.Attempt}, command.Metadata)
	})
}

// recordRefused records a refusal together with what the instance decides on it, so that it does so once.
func (m *core[C]) recordRefused(ctx context.Context, i *instance, refusal Refused[C]) error {
	command := refusal.Command
	ignored := false
	err := m.update(ctx, i, func(d *draft) error {
		if ignored = false; !d.isNext(command.ID) {
			return nil
		}
		record := refusedRecord{Command: command.ID, Attempt: command.Attempt, Reason: reasonOf(refusal.Err)}
		if ignored = d.isOver(); ignored {
			return d.add(record, command.Metadata)
		}
		by, err := m.prepare(d, command.Metadata)
		if err != nil {
			return hopeless(err)
		}
		if err := d.add(record, command.Metadata); err != nil {
			return err
		}
		if ignored = by.refused == nil; ignored {
			return nil
		}
		return hopeless(m.decide(d, by, input{Refused: &command.ID}, by.refused(refusal), d.causes()))
	})
	if err == nil && ignored {
		m.log.WarnContext(ctx, "command was refused and the process manager does not react",
			"instance", command.Instance, "command", command.ID, "error", refusal.Err)
	}
	return err
}

// parkCommand parks an instance whose command was tried too often, or whose refusal could not be reacted to.
func (m *core[C]) parkCommand(ctx context.Context, i *instance, command tracked, attempt int, reason string) error {
	err := m.update(ctx, i, func(d *draft) error {
		if !d.isNext(command.ID) {
			return nil
		}
		record := parkedRecord{culprit: culprit{Command: &command.ID}, Attempts: attempt, Reason: reason}
		return d.add(record, command.Metadata)
	})
	if err == nil && i.Parked != nil {
		m.log.ErrorContext(ctx, "process manager has parked an instance: retry, skip or fail it",
			"instance", i.stream.Key, "command", command.ID, "type", command.Type, "attempts", attempt, "error", reason)
	}
	return err
}
