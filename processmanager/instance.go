package processmanager

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// instance is what the records of an instance's stream amount to.
type instance struct {
	stream  eventstore.StreamID
	version eventstore.Version
	// sinceSnapshot is how many records there are after the last snapshot.
	sinceSnapshot int
	facts
}

// facts is what a snapshot keeps. Its names are never changed.
type facts struct {
	// Definition is the version of the process by which the instance goes on, 0 before it has started.
	Definition int `json:"definition,omitempty"`
	// State is that after the last decision, nil before the first.
	State *payload `json:"state,omitempty"`
	// Through is the greatest position of an event that the instance has taken note of. Events come in the order of their
	// positions, so one at or below it comes again.
	Through eventstore.Position `json:"through,omitempty"`
	// Kept are events that wait for the instance to start, each with the metadata of what it causes.
	Kept []waiting `json:"kept,omitempty"`
	// Pending are the commands that are to be dispatched, in order, and Undoable those that were and can be undone.
	Pending  []tracked `json:"pending,omitempty"`
	Undoable []tracked `json:"undoable,omitempty"`
	// Parked says that the first of Pending was tried too often, or the first of Timers could not be reacted to.
	Parked *parkedRecord `json:"parked,omitempty"`
	// Timers are those that are set, by due time and name.
	Timers []setTimer `json:"timers,omitempty"`
	// Fired counts the timers that have fired.
	Fired int `json:"fired,omitempty"`
	// Metadata is that of what the last decision causes.
	Metadata eventstore.Metadata `json:"metadata,omitzero"`
	// Completed and Failed, which says why, are the ends of an instance.
	Completed bool   `json:"completed,omitempty"`
	Failed    string `json:"failed,omitempty"`
}

// waiting is an event with the metadata of what it causes.
type waiting struct {
	keptRecord
	Metadata eventstore.Metadata `json:"metadata,omitzero"`
}

// tracked is a command with the metadata of what the record that sends it causes.
type tracked struct {
	commandRecord
	Metadata eventstore.Metadata `json:"metadata,omitzero"`
}

// setTimer is a timer with the metadata of what the decision that has set it causes.
type setTimer struct {
	Timer
	Metadata eventstore.Metadata `json:"metadata,omitzero"`
}

func (i *instance) hasStarted() bool { return i.State != nil }

// isOver reports whether the instance takes no more input.
func (i *instance) isOver() bool { return i.Completed || i.Failed != "" }

// next returns the command that is to be dispatched next, nil when there is none.
func (i *instance) next() *tracked {
	if len(i.Pending) == 0 {
		return nil
	}
	return &i.Pending[0]
}

// isNext reports whether the command is the next to be dispatched.
func (i *instance) isNext(id uuid.UUID) bool {
	next := i.next()
	return next != nil && next.ID == id
}

// apply takes in the next record of the stream, which has an ID and metadata.
func (i *instance) apply(r record, id uuid.UUID, metadata eventstore.Metadata) (err error) {
	i.version++
	i.sinceSnapshot++
	switch r := r.(type) {
	case decidedRecord:
		i.decide(r, causedBy(id, metadata))
	case keptRecord:
		i.take(r.Event)
		i.Kept = append(i.Kept, waiting{r, withoutActor(metadata)})
	case ignoredRecord:
		i.take(r.Event)
	case dispatchedRecord:
		err = i.dispatched(r.Command)
	case refusedRecord:
		err = i.settle(r.Command)
	case parkedRecord:
		i.Parked = &r
	case resumedRecord:
		i.Parked = nil
	case skippedRecord:
		err = i.skip(r.culprit)
	case failedRecord:
		i.fail(r.Reason, r.Commands, causedBy(id, metadata))
	case migratedRecord:
		i.Definition, i.State = r.To, &r.State
		i.cancel(r.Canceled)
	case snapshotRecord:
		i.facts, i.sinceSnapshot = r.facts, 0
	}
	if err != nil {
		return fmt.Errorf("record %q at version %d of stream %q: %w", r.recordType(), i.version, i.stream, err)
	}
	return nil
}

// causedBy returns the metadata of what a record causes.
func causedBy(id uuid.UUID, metadata eventstore.Metadata) eventstore.Metadata {
	return eventstore.CausedBy(eventstore.RecordedEvent{ID: id, Metadata: metadata})
}

// withoutActor returns the metadata of a record for one that has the same cause and is appended by somebody else.
func withoutActor(metadata eventstore.Metadata) eventstore.Metadata {
	metadata.Actor, metadata.Values = "", nil
	return metadata
}

// take notes that the instance has seen an event.
func (i *instance) take(event eventInput) {
	i.Through = max(i.Through, event.Position)
	i.Kept = slices.DeleteFunc(slices.Clone(i.Kept), func(kept waiting) bool { return kept.Event == event })
}

func (i *instance) decide(r decidedRecord, causes eventstore.Metadata) {
	switch in := r.Input; {
	case in.Event != nil:
		i.take(*in.Event)
	case in.Timer != nil:
		i.cancel([]string{in.Timer.Name})
		i.Fired++
	}
	i.Definition, i.State, i.Metadata = r.Definition, &r.State, causes
	i.cancel(r.Canceled)
	i.schedule(r.Scheduled, causes)
	if r.Failed != "" {
		i.fail(r.Failed, r.Commands, causes)
		return
	}
	i.send(r.Commands, causes)
	if r.Completed {
		i.cancel(i.timerNames())
		i.Completed, i.Undoable = true, nil
	}
}

// fail ends the instance: what it has to dispatch are the commands that undo what it has done.
func (i *instance) fail(reason string, commands []commandRecord, causes eventstore.Metadata) {
	i.Failed = reason
	i.Timers, i.Pending, i.Undoable, i.Parked = nil, nil, nil, nil
	i.send(commands, causes)
}

func (i *instance) send(commands []commandRecord, causes eventstore.Metadata) {
	i.Pending = slices.Clip(i.Pending)
	for _, command := range commands {
		i.Pending = append(i.Pending, tracked{command, causes})
	}
}

func (i *instance) cancel(names []string) {
	if i.Parked != nil && slices.Contains(names, i.Parked.Timer) {
		i.Parked = nil
	}
	i.Timers = slices.DeleteFunc(slices.Clone(i.Timers), func(t setTimer) bool { return slices.Contains(names, t.Name) })
}

// schedule sets timers, or moves them. Of several of one name the last counts.
func (i *instance) schedule(timers []Timer, causes eventstore.Metadata) {
	for _, timer := range timers {
		i.cancel([]string{timer.Name})
		i.Timers = append(i.Timers, setTimer{timer, causes})
	}
	slices.SortFunc(i.Timers, func(a, b setTimer) int {
		if order := a.DueAt.Compare(b.DueAt); order != 0 {
			return order
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// dispatched settles a command that was carried out, and so may have to be undone.
func (i *instance) dispatched(id uuid.UUID) error {
	next := i.next()
	if err := i.settle(id); err != nil {
		return err
	}
	if next.Undo != nil && !i.isOver() {
		i.Undoable = append(slices.Clip(i.Undoable), *next)
	}
	return nil
}

// settle removes a command from those that are pending, the first of which it must be.
func (i *instance) settle(id uuid.UUID) error {
	if !i.isNext(id) {
		return fmt.Errorf("command %s has an outcome, but it is not the next to be dispatched", id)
	}
	i.Pending, i.Parked = i.Pending[1:], nil
	return nil
}

// skip gives up what the instance is parked with.
func (i *instance) skip(c culprit) error {
	if c.Command != nil {
		return i.settle(*c.Command)
	}
	i.cancel([]string{c.Timer})
	i.Parked = nil
	return nil
}

// clone returns a copy that can be changed by apply, which changes no slice in place.
func (i *instance) clone() *instance {
	c := *i
	return &c
}

// keptTimer is the name, in the agenda, of the time at which events that were kept are given up.
const keptTimer = internalPrefix + "kept"

// entry returns what an agenda has to know.
func (i *instance) entry(process string) eventstore.Entry {
	entry := eventstore.Entry{
		Process:  process,
		Instance: i.stream.Key,
		Version:  i.version,
		Pending:  len(i.Pending) > 0 || i.Parked != nil,
		Parked:   i.Parked != nil,
		Over:     i.isOver() || !i.hasStarted() && len(i.Kept) == 0,
	}
	if i.Parked != nil && i.Parked.Timer != "" {
		return entry // no timer fires before that one
	}
	for _, timer := range i.Timers {
		entry.Timers = append(entry.Timers, timer.Timer)
	}
	if until, kept := i.keptUntil(); kept {
		entry.Timers = append(entry.Timers, Timer{Name: keptTimer, DueAt: until})
	}
	return entry
}

// keptUntil returns when the first of the events that are kept is given up.
func (i *instance) keptUntil() (first time.Time, found bool) {
	for _, kept := range i.Kept {
		if first.IsZero() || kept.Until.Before(first) {
			first = kept.Until
		}
	}
	return first, len(i.Kept) > 0
}

func (i *instance) timerNames() []string {
	names := make([]string, len(i.Timers))
	for n, timer := range i.Timers {
		names[n] = timer.Name
	}
	return names
}

// timer returns a timer that is set.
func (i *instance) timer(name string) (setTimer, bool) {
	place := slices.IndexFunc(i.Timers, func(t setTimer) bool { return t.Name == name })
	if place < 0 {
		return setTimer{}, false
	}
	return i.Timers[place], true
}
