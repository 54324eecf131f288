package processmanager

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// instance is what the records of an instance's stream amount to.
type instance struct {
	stream  eventstore.StreamID
	version eventstore.Version
	// state is that after the last decision, nil before the first.
	state *payload
	// handled has the identity of each input that was decided on.
	handled   map[string]struct{}
	completed bool
	// commands are all that were ever sent, in order. The first settled ones have an outcome.
	commands []*tracked
	settled  int
}

// tracked is a command and what became of it.
type tracked struct {
	commandRecord
	// decision is where the stream sends the command.
	decision eventstore.RecordedEvent
	outcome  Outcome
	attempt  int
	reason   string
}

func newInstance(stream eventstore.StreamID) *instance {
	return &instance{stream: stream, handled: make(map[string]struct{})}
}

// next returns the command that is to be dispatched next, nil when there is none.
func (i *instance) next() *tracked {
	if i.settled == len(i.commands) {
		return nil
	}
	return i.commands[i.settled]
}

// isPending reports whether the command is still to be dispatched.
func (i *instance) isPending(id uuid.UUID) bool {
	next := i.next()
	return next != nil && next.ID == id
}

// wants reports whether the instance is to decide on the input.
func (i *instance) wants(in input) bool {
	_, handled := i.handled[in.identity()]
	return !handled && !i.completed
}

// apply takes in the next record of the stream.
func (i *instance) apply(event eventstore.RecordedEvent) error {
	record, err := decodeRecord(event)
	if err != nil {
		return err
	}
	switch record := record.(type) {
	case decidedRecord:
		i.decide(record, event)
	case dispatchedRecord:
		err = i.settle(record.Command, OutcomeDispatched, record.Attempt, "")
	case refusedRecord:
		err = i.settle(record.Command, OutcomeRefused, record.Attempt, record.Reason)
	}
	if err != nil {
		return fmt.Errorf("record %q at version %d of stream %q: %w", event.Type, event.Version, event.Stream, err)
	}
	i.version = event.Version
	return nil
}

func (i *instance) decide(record decidedRecord, event eventstore.RecordedEvent) {
	i.handled[record.Input.identity()] = struct{}{}
	i.state = &record.State
	i.completed = i.completed || record.Completed
	for _, command := range record.Commands {
		i.commands = append(i.commands, &tracked{commandRecord: command, decision: event})
	}
}

// settle notes the outcome of a command. Commands are settled in the order in which they were sent.
func (i *instance) settle(id uuid.UUID, outcome Outcome, attempt int, reason string) error {
	command := i.next()
	if command == nil || command.ID != id {
		return fmt.Errorf("command %s is %s, but it is not the next to be dispatched", id, outcome)
	}
	command.outcome, command.attempt, command.reason = outcome, attempt, reason
	i.settled++
	return nil
}
