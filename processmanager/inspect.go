package processmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// Instance is an instance of a process, as its stream tells.
type Instance[S, C any] struct {
	// Key is the instance's key.
	Key string
	// Version is that of the instance's stream, 0 for an instance that does not exist.
	Version eventstore.Version
	// Status sums up the instance.
	Status InstanceStatus
	// Definition is the version of the process by which the instance goes on.
	Definition int
	// State is the state after the last decision. That of an instance of another version of the process is migrated as
	// [Migrate] says, and else zero: RawState is as it is stored.
	State    S
	RawState json.RawMessage
	// Inputs are all that the instance has taken note of, in order.
	Inputs []Input
	// Commands are all that the instance has sent, in order.
	Commands []Sent[C]
	// Timers are those that are set, by due time and name.
	Timers []Timer
	// Reason is why the instance has failed, or why it was parked.
	Reason string
	// StartedAt and UpdatedAt are when the first and the last of its records were made, by the store's clock.
	StartedAt time.Time
	UpdatedAt time.Time
}

// InstanceStatus is what an instance is doing.
type InstanceStatus string

// The statuses of an [Instance]. One that has completed or failed may still have commands to dispatch.
const (
	// StatusNone is an instance that does not exist.
	StatusNone InstanceStatus = "none"
	// StatusWaiting is one that keeps events and has not started.
	StatusWaiting InstanceStatus = "waiting"
	// StatusRunning is one that has started and not come to its end.
	StatusRunning InstanceStatus = "running"
	// StatusParked is one with a command that was tried too often, or whose reaction to a timer or a refusal has failed.
	StatusParked InstanceStatus = "parked"
	// StatusCompleted is one that has come to its end by [Effects].Complete.
	StatusCompleted InstanceStatus = "completed"
	// StatusFailed is one that has come to its end by [Effects].Fail or [Manager.Fail].
	StatusFailed InstanceStatus = "failed"
)

// Input is something that an instance has taken note of: an event, a refused command or a timer.
type Input struct {
	// Stream, ID, Type, StreamVersion and Position are those of an event.
	Stream        eventstore.StreamID
	ID            uuid.UUID
	Type          string
	StreamVersion eventstore.Version
	Position      eventstore.Position
	// Refused is a command that was refused, nil for other inputs.
	Refused *uuid.UUID
	// Timer is a timer that has fired, nil for other inputs.
	Timer *Fired
	// Kept says that the event waited for the instance to start; Ignored says why the instance did not react.
	Kept    bool
	Ignored string
}

// Sent is a command that an instance has sent.
type Sent[C any] struct {
	ID      uuid.UUID
	Command C
	// Undoes is the ID of the command that this one undoes, nil where it undoes none.
	Undoes  *uuid.UUID
	Outcome Outcome
	// Attempt is that at which the command was settled or parked, 0 for a pending one.
	Attempt int
	// Reason is why a command was refused, parked or skipped.
	Reason string
}

// Outcome is what became of a command.
type Outcome string

// The outcomes of a command.
const (
	// OutcomePending is a command that is still to be dispatched, or may have been without its outcome being recorded.
	OutcomePending Outcome = "pending"
	// OutcomeDispatched is a command that was carried out.
	OutcomeDispatched Outcome = "dispatched"
	// OutcomeRefused is a command that its receiver refused.
	OutcomeRefused Outcome = "refused"
	// OutcomeParked is a command that was tried too often.
	OutcomeParked Outcome = "parked"
	// OutcomeSkipped is a command that somebody has given up by [Manager.Skip].
	OutcomeSkipped Outcome = "skipped"
	// OutcomeInDoubt is a command that may have been carried out when the instance failed. It is not dispatched again, and
	// undone if that can be.
	OutcomeInDoubt Outcome = "in doubt"
	// OutcomeDropped is a command that was never dispatched, as the instance has failed before.
	OutcomeDropped Outcome = "dropped"
)

// Step is one record of an instance's stream.
type Step[S, C any] struct {
	// Record is its type without "$pm.": "decided", "kept", "ignored", "dispatched", "refused", "parked", "resumed",
	// "skipped", "failed", "migrated" or "snapshot".
	Record     string
	RecordedAt time.Time
	// ID is that of the record as an event of the store, and Metadata says why it came about: its causation ID is the ID of
	// an event that came for the instance, or of an earlier record.
	ID       uuid.UUID
	Metadata eventstore.Metadata
	// Effects are what the reaction wanted, zero but for "decided". What undoes commands is not among them.
	Effects Effects[C]
	// After is the instance as the record leaves it.
	After Instance[S, C]
}

// Instance returns an instance, with version 0 when it does not exist. It reads the whole stream.
func (m *Manager[S, C]) Instance(ctx context.Context, key string) (Instance[S, C], error) {
	v := newView(m, key)
	for event, err := range m.core.store.ReadStream(ctx, m.core.stream(key), eventstore.ReadOptions{}) {
		if err == nil {
			err = v.apply(event)
		}
		if err != nil {
			return Instance[S, C]{}, m.core.explain(key, err)
		}
	}
	instance, err := v.show()
	if err != nil {
		return Instance[S, C]{}, m.core.explain(key, err)
	}
	return instance, nil
}

// History plays an instance again, record by record, without any effects: nothing is decided or dispatched, each step
// shows what was recorded and what it made of the instance. It ends with the first error.
func (m *Manager[S, C]) History(ctx context.Context, key string) iter.Seq2[Step[S, C], error] {
	return func(yield func(Step[S, C], error) bool) {
		v := newView(m, key)
		for event, err := range m.core.store.ReadStream(ctx, m.core.stream(key), eventstore.ReadOptions{}) {
			var step Step[S, C]
			if err == nil {
				step, err = v.step(event)
			}
			if err != nil {
				yield(Step[S, C]{}, m.core.explain(key, err))
				return
			}
			if !yield(step, nil) {
				return
			}
		}
	}
}

// Entries returns what the agenda has of the instances that have begun and are not over, by key: what they have to do,
// and when. See [eventstore.EntryQuery] to select some, and to page through many.
func (m *Manager[S, C]) Entries(ctx context.Context, query eventstore.EntryQuery) ([]eventstore.Entry, error) {
	entries, err := m.core.agenda.Entries(ctx, m.Consumer().Name, query)
	if err != nil {
		return nil, fmt.Errorf("process %q: %w", m.core.name, err)
	}
	return entries, nil
}

func (m *core[C]) explain(key string, err error) error {
	return fmt.Errorf("instance %q of process %q: %w", key, m.name, err)
}

// view is an instance with everything that ever was of it, which people want to see.
type view[S, C any] struct {
	core     *core[C]
	instance *instance
	shown    Instance[S, C]
	// effects are those of the last record.
	effects Effects[C]
}

func newView[S, C any](m *Manager[S, C], key string) *view[S, C] {
	return &view[S, C]{
		core:     m.core,
		instance: &instance{stream: m.core.stream(key)},
		shown:    Instance[S, C]{Key: key, Status: StatusNone},
	}
}

func (v *view[S, C]) step(event eventstore.RecordedEvent) (Step[S, C], error) {
	if err := v.apply(event); err != nil {
		return Step[S, C]{}, err
	}
	after, err := v.show()
	return Step[S, C]{
		Record:     event.Type[len(categoryPrefix):],
		RecordedAt: event.RecordedAt,
		ID:         event.ID,
		Metadata:   event.Metadata,
		Effects:    v.effects,
		After:      after,
	}, err
}

// apply takes in the next record of the stream.
func (v *view[S, C]) apply(event eventstore.RecordedEvent) error {
	r, err := decodeRecord(event)
	if err != nil {
		return err
	}
	if err := v.note(r); err != nil {
		return err
	}
	if v.instance.version == 0 {
		v.shown.StartedAt = event.RecordedAt
	}
	v.shown.UpdatedAt = event.RecordedAt
	return v.instance.apply(r, event.ID, event.Metadata)
}

// note takes down what a record says of inputs and commands.
func (v *view[S, C]) note(r record) error {
	v.effects = Effects[C]{}
	switch r := r.(type) {
	case decidedRecord:
		v.input(r.Input, "")
		v.effects = Effects[C]{Schedule: r.Scheduled, Cancel: r.Canceled, Complete: r.Completed, Fail: r.Failed}
		if r.Failed != "" {
			v.drop(r.Input.leavesDoubt())
		}
		return v.sent(r.Commands)
	case keptRecord:
		v.input(input{Event: &r.Event}, "")
		v.shown.Inputs[len(v.shown.Inputs)-1].Kept = true
	case ignoredRecord:
		v.input(input{Event: &r.Event}, r.Why)
	case dispatchedRecord:
		v.settle(r.Command, OutcomeDispatched, r.Attempt, "")
	case refusedRecord:
		v.settle(r.Command, OutcomeRefused, r.Attempt, r.Reason)
	case parkedRecord:
		v.settleParked(r.culprit, OutcomeParked, r.Attempts, r.Reason)
	case resumedRecord:
		v.settleParked(r.culprit, OutcomePending, 0, "")
	case skippedRecord:
		v.settleParked(r.culprit, OutcomeSkipped, 0, r.Reason)
	case failedRecord:
		v.drop(true)
		return v.sent(r.Commands)
	}
	return nil
}

func (v *view[S, C]) input(in input, ignored string) {
	shown := Input{Refused: in.Refused, Ignored: ignored}
	if e := in.Event; e != nil {
		shown.Stream, shown.ID, shown.Type = e.stream(), e.ID, e.Type
		shown.StreamVersion, shown.Position = e.Version, e.Position
	}
	if t := in.Timer; t != nil {
		shown.Timer = &Fired{Name: t.Name, DueAt: t.DueAt, FiredAt: t.FiredAt}
	}
	v.shown.Inputs = append(v.shown.Inputs, shown)
}

// drop takes down that the instance has failed, and what was pending is not dispatched any more.
func (v *view[S, C]) drop(doubt bool) {
	for n, pending := range v.instance.Pending {
		outcome := OutcomeDropped
		if n == 0 && doubt {
			outcome = OutcomeInDoubt
		}
		v.settle(pending.ID, outcome, 0, "")
	}
}

// sent takes down commands that are sent.
func (v *view[S, C]) sent(commands []commandRecord) error {
	for _, command := range commands {
		decoded, err := v.core.decodeCommand(v.instance.stream, command)
		if err != nil {
			return err
		}
		if command.Undoes == nil {
			v.effects.Send = append(v.effects.Send, decoded)
		}
		v.shown.Commands = append(v.shown.Commands,
			Sent[C]{ID: command.ID, Command: decoded, Undoes: command.Undoes, Outcome: OutcomePending})
	}
	return nil
}

// settleParked is settle where an instance is parked with a command, and not with a timer.
func (v *view[S, C]) settleParked(c culprit, outcome Outcome, attempt int, reason string) {
	if c.Command != nil {
		v.settle(*c.Command, outcome, attempt, reason)
	}
}

func (v *view[S, C]) settle(id uuid.UUID, outcome Outcome, attempt int, reason string) {
	v.shown.Commands = slices.Clone(v.shown.Commands) // steps before this one show what they showed
	for n := range v.shown.Commands {
		if command := &v.shown.Commands[n]; command.ID == id {
			command.Outcome, command.Attempt, command.Reason = outcome, attempt, reason
		}
	}
}

// show returns the instance as it is now.
func (v *view[S, C]) show() (shown Instance[S, C], err error) {
	i := v.instance
	shown = v.shown
	shown.Version = i.version
	shown.Definition = i.Definition
	shown.Status, shown.Reason = i.status()
	shown.Inputs, shown.Commands = slices.Clip(shown.Inputs), slices.Clip(shown.Commands)
	for _, timer := range i.Timers {
		shown.Timers = append(shown.Timers, timer.Timer)
	}
	if i.State == nil {
		return shown, nil
	}
	shown.RawState = i.State.Data
	state := i.State
	if i.Definition != v.core.options.Version {
		migrate := v.core.migrations[i.Definition]
		if migrate == nil {
			return shown, nil
		}
		migrated, err := migrate(state)
		if err != nil {
			return shown, fmt.Errorf("migrate the state: %w", err)
		}
		state = &migrated
	}
	shown.State, err = decodeState[S](state)
	return shown, err
}

func (i *instance) status() (status InstanceStatus, reason string) {
	switch {
	case i.version == 0:
		return StatusNone, ""
	case i.Parked != nil:
		return StatusParked, i.Parked.Reason
	case i.Failed != "":
		return StatusFailed, i.Failed
	case i.Completed:
		return StatusCompleted, ""
	case !i.hasStarted():
		return StatusWaiting, ""
	default:
		return StatusRunning, ""
	}
}
