package processmanager

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// decide lets a draft react to an input, and adds what it decides.
func (m *core[C]) decide(
	d *draft, by *definition[C], in input, react reaction[C], metadata eventstore.Metadata,
) error {
	record, err := m.decision(d, by, in, react)
	if err != nil {
		return fmt.Errorf("process %q, instance %q: decide: %w", m.name, d.stream.Key, err)
	}
	return d.add(record, metadata)
}

// decision runs a reaction and returns the record of what it decided.
func (m *core[C]) decision(
	d *draft, by *definition[C], in input, react reaction[C],
) (record decidedRecord, err error) {
	defer consumer.Recover(&err) // of codecs and Undo
	state, effects, err := m.run(react, d.State)
	if err != nil {
		return decidedRecord{}, err
	}
	if err := effects.validate(func(name string) bool { return by.timers[name] != nil }); err != nil {
		return decidedRecord{}, err
	}
	record = decidedRecord{
		Input:      in,
		Definition: by.version,
		State:      state,
		Canceled:   effects.Cancel,
		Completed:  effects.Complete,
		Failed:     textOf(effects.Fail),
	}
	for _, timer := range effects.Schedule {
		timer.DueAt = timer.DueAt.UTC().Truncate(time.Microsecond) // as every database stores it
		if err := timer.Validate(); err != nil {
			return decidedRecord{}, err
		}
		record.Scheduled = append(record.Scheduled, timer)
	}
	if n := len(d.Timers) + len(record.Scheduled); n >= eventstore.MaxTimers { // one is for what is kept
		return decidedRecord{}, fmt.Errorf("%w: with %d timers more there are %d, the limit is %d",
			eventstore.ErrInvalid, len(record.Scheduled), n, eventstore.MaxTimers-1)
	}
	if record.Failed != "" {
		record.Commands = undo(d.instance, in.leavesDoubt())
	}
	for index, command := range effects.Send {
		sent, err := m.sending(command)
		if err != nil {
			return decidedRecord{}, fmt.Errorf("command %d: %w", index, err)
		}
		sent.ID = commandID(m.name, d.stream.Key, in, index)
		record.Commands = append(record.Commands, sent)
	}
	return record, nil
}

// run runs a reaction, and a second time where it is to be checked that it is pure.
func (m *core[C]) run(react reaction[C], before *payload) (payload, Effects[C], error) {
	state, effects, err := react(before)
	if err != nil || !m.options.Strict {
		return state, effects, err
	}
	again, effectsAgain, err := react(before)
	if err != nil || !reflect.DeepEqual(state, again) || !reflect.DeepEqual(effects, effectsAgain) {
		return payload{}, Effects[C]{}, fmt.Errorf("the reaction is not pure: called again it decides otherwise"+
			"\n    at first: %s %+v\n    again:    %s %+v (error: %v)", state.Data, effects, again.Data, effectsAgain, err)
	}
	return state, effects, nil
}

// sending returns the record of a command that is sent, with what undoes it, and without an ID.
func (m *core[C]) sending(command C) (commandRecord, error) {
	data, err := m.commands.Encode(command)
	if err != nil {
		return commandRecord{}, err
	}
	sent := commandRecord{Type: data.Type, payload: payloadOf(data)}
	undoable, can := any(command).(Undoable[C])
	if !can {
		return sent, nil
	}
	data, err = m.commands.Encode(undoable.Undo())
	if err != nil {
		return commandRecord{}, fmt.Errorf("what undoes it: %w", err)
	}
	sent.Undo = &undoRecord{Type: data.Type, payload: payloadOf(data)}
	return sent, nil
}

// leavesDoubt reports whether the first pending command may have been carried out at the time of an input. When the one
// before it has only now been refused, it was not.
func (in input) leavesDoubt() bool { return in.Refused == nil }

// undo returns the commands that undo what an instance has done, the last first. Where there is doubt, the first of
// those that are pending may have been carried out.
func undo(i *instance, doubt bool) []commandRecord {
	done := i.Undoable
	if next := i.next(); doubt && next != nil && next.Undo != nil {
		done = append(slices.Clip(done), *next)
	}
	var commands []commandRecord
	for _, command := range slices.Backward(done) {
		commands = append(commands, commandRecord{
			ID:      undoID(command.ID),
			Type:    command.Undo.Type,
			payload: command.Undo.payload,
			Undoes:  &command.ID,
		})
	}
	return commands
}
