package processmanager

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// Outcome is what became of a command.
type Outcome int

// The outcomes of a command.
const (
	// OutcomePending is a command that is still to be dispatched, or may have been without its outcome being recorded.
	OutcomePending Outcome = iota
	// OutcomeDispatched is a command that was carried out.
	OutcomeDispatched
	// OutcomeRefused is a command that its receiver refused.
	OutcomeRefused
)

// String returns the outcome in a word.
func (o Outcome) String() string {
	switch o {
	case OutcomePending:
		return "pending"
	case OutcomeDispatched:
		return "dispatched"
	case OutcomeRefused:
		return "refused"
	default:
		return fmt.Sprintf("Outcome(%d)", int(o))
	}
}

// Instance is an instance of a process as its stream tells.
type Instance[S, C any] struct {
	// Key is the instance's key.
	Key string
	// Version is that of the instance's stream, 0 for an instance that does not exist.
	Version eventstore.Version
	// State is the state after the last decision.
	State S
	// Completed says that the instance takes no more input.
	Completed bool
	// Commands are all that the instance has sent, in order.
	Commands []Sent[C]
}

// Sent is a command that an instance has sent.
type Sent[C any] struct {
	ID      uuid.UUID
	Command C
	Outcome Outcome
	// Attempt is that at which the command was settled, 0 for a pending one.
	Attempt int
	// Reason is why a command was refused.
	Reason string
}

// Instance returns an instance, with version 0 when it does not exist.
func (m *Manager[S, C]) Instance(ctx context.Context, key string) (Instance[S, C], error) {
	i, err := m.history.load(ctx, key)
	if err != nil {
		return Instance[S, C]{}, err
	}
	shown := Instance[S, C]{Key: key, Version: i.version, Completed: i.completed}
	if shown.State, err = decodeState[S](i.state); err != nil {
		return Instance[S, C]{}, fmt.Errorf("instance %q of process %q: %w", key, m.name, err)
	}
	for _, command := range i.commands {
		decoded, err := m.decodeCommand(command)
		if err != nil {
			return Instance[S, C]{}, fmt.Errorf("instance %q of process %q: %w", key, m.name, err)
		}
		shown.Commands = append(shown.Commands, Sent[C]{
			ID:      command.ID,
			Command: decoded,
			Outcome: command.outcome,
			Attempt: command.attempt,
			Reason:  command.reason,
		})
	}
	return shown, nil
}

// Pending returns the instances that have commands to dispatch, the one that is due first at the front, with how often
// they were tried in vain and why. It is a hint: an instance may be listed that has no command left.
func (m *Manager[S, C]) Pending(ctx context.Context) ([]eventstore.Task, error) {
	tasks, err := m.agenda.Tasks(ctx, m.Consumer().Name)
	if err != nil {
		return nil, fmt.Errorf("process %q: %w", m.name, err)
	}
	return tasks, nil
}

// decodeCommand returns a command as it was sent.
func (m *Manager[S, C]) decodeCommand(command *tracked) (C, error) {
	stored := command.decision
	stored.ID = command.ID
	stored.Type = command.Type
	stored.SchemaVersion = command.SchemaVersion
	stored.ContentType = command.ContentType
	stored.Data = command.bytes()
	var none C
	decoded, err := m.commands.Decode(stored)
	if err != nil {
		return none, fmt.Errorf("decode command %s: %w", command.ID, err)
	}
	if len(decoded) != 1 {
		return none, fmt.Errorf("decode command %s (%q): its codec makes %d commands of it, it must be one",
			command.ID, command.Type, len(decoded))
	}
	return decoded[0], nil
}
