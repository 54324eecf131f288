package processmanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// Parked is an instance that waits for somebody to decide.
type Parked struct {
	// Instance is the instance's key.
	Instance string
	// Command is the ID of the command that was tried too often, whose error was [Permanent], or whose refusal the
	// instance could not react to. Timer is the name of a timer that it could not react to. Otherwise it is parked with
	// an event that it could not decide on, and those that have come for it later wait as well.
	Command uuid.UUID
	Timer   string
	// Type is that of the command or event, Position that of the event.
	Type     string
	Position eventstore.Position
	// Attempts is how often the command was tried, or the event again since it was parked.
	Attempts int
	// Reason is the error of the last attempt.
	Reason string
	// ParkedAt is when that was.
	ParkedAt time.Time
}

// Parked returns the instances that wait for somebody to decide, by key. One that waits with a command or timer and with
// an event is there twice. It reads all that is parked, with the last records of each instance.
func (m *Manager[S, C]) Parked(ctx context.Context) ([]Parked, error) {
	parked, err := m.core.parked(ctx)
	if err != nil {
		return nil, fmt.Errorf("process %q: list what is parked: %w", m.core.name, err)
	}
	return parked, nil
}

func (m *core[C]) parked(ctx context.Context) (all []Parked, err error) {
	entries, err := m.agenda.Entries(ctx, m.consumer().Name, eventstore.EntryQuery{Parked: true})
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		i, err := m.load(ctx, entry.Instance)
		if err != nil {
			return nil, err
		}
		if i.Parked != nil {
			all = append(all, i.parked(entry.UpdatedAt))
			continue
		}
		if err := m.note(ctx, i); err != nil { // whoever has resumed it came no further than that
			return nil, err
		}
	}
	events, err := m.agenda.Parked(ctx, m.consumer(), eventstore.ParkedQuery{})
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		all = append(all, Parked{
			Instance: e.Stream.Key, Type: e.Type, Position: e.Position,
			Attempts: e.Attempts, Reason: e.Reason, ParkedAt: e.ParkedAt,
		})
	}
	slices.SortStableFunc(all, func(a, b Parked) int { return cmp.Compare(a.Instance, b.Instance) })
	return all, nil
}

// parked tells what an instance is parked with.
func (i *instance) parked(at time.Time) Parked {
	p := Parked{
		Instance: i.stream.Key, Timer: i.Parked.Timer, Attempts: i.Parked.Attempts, Reason: i.Parked.Reason, ParkedAt: at,
	}
	if i.Parked.Command != nil {
		p.Command, p.Type = *i.Parked.Command, i.next().Type
	}
	return p
}

// Retry tries again what an instance is parked with: the command or timer, the events, or both. It returns an error
// that wraps [eventstore.ErrNotParked] when it is parked with nothing.
//
// Retry, Skip and Fail record who has done it: the Actor of [eventstore.WithMetadata].
func (m *Manager[S, C]) Retry(ctx context.Context, key string) error {
	return m.core.resume(ctx, "retry", key, func(d *draft) error {
		return d.add(resumedRecord{d.Parked.culprit}, d.Metadata)
	}, nil)
}

// Skip gives up what an instance is parked with: the command is never dispatched, the timer never fires, and the first
// of the events is never decided on. The instance goes on with what comes after it. The reason is recorded. It returns
// an error that wraps [eventstore.ErrNotParked] when the instance is parked with nothing, and [eventstore.ErrInvalid]
// without a reason.
func (m *Manager[S, C]) Skip(ctx context.Context, key, reason string) error {
	if reason == "" {
		return fmt.Errorf("process %q, instance %q: skip: %w: there is no reason", m.core.name, key, eventstore.ErrInvalid)
	}
	return m.core.resume(ctx, "skip", key, func(d *draft) error {
		return d.add(skippedRecord{d.Parked.culprit, textOf(reason)}, d.Metadata)
	}, func(d *draft, event eventstore.RecordedEvent) error {
		return d.add(ignoredRecord{Event: eventInputOf(event), Why: textOf(reason)}, eventstore.CausedBy(event))
	})
}

// resume lets an instance go on that is parked. Command says what becomes of the command, and event of the first event.
func (m *core[C]) resume(
	ctx context.Context, action, key string,
	command func(d *draft) error, event func(d *draft, event eventstore.RecordedEvent) error,
) error {
	commands, err := m.resumeCommands(ctx, key, command)
	if err == nil {
		var events bool
		events, err = m.resumeEvents(ctx, key, event)
		if err == nil && !commands && !events {
			err = eventstore.ErrNotParked
		}
	}
	if err != nil {
		return fmt.Errorf("process %q, instance %q: %s: %w", m.name, key, action, err)
	}
	return nil
}

func (m *core[C]) resumeCommands(ctx context.Context, key string, change func(d *draft) error) (parked bool, err error) {
	i, err := m.load(ctx, key)
	if err != nil {
		return false, err
	}
	err = m.update(ctx, i, func(d *draft) error {
		if parked = d.Parked != nil; !parked {
			return nil
		}
		if err := m.announce(ctx, d.instance); err != nil {
			return err
		}
		return change(d)
	})
	if err != nil || i.version == 0 {
		return false, err
	}
	// Also where the instance was not parked: its entry may say so still, if somebody has come no further than this.
	return parked, m.note(ctx, i)
}

// resumeEvents tries the parked events of an instance again, after it has done something with the first of them.
func (m *core[C]) resumeEvents(
	ctx context.Context, key string, change func(d *draft, event eventstore.RecordedEvent) error,
) (parked bool, err error) {
	query := eventstore.ParkedQuery{Streams: []eventstore.StreamID{m.stream(key)}}
	sequences, err := m.agenda.Parked(ctx, m.consumer(), query)
	if err != nil || len(sequences) == 0 {
		return false, err
	}
	if change != nil {
		if err := m.passOver(ctx, key, sequences[0], change); err != nil {
			return false, err
		}
	}
	err = m.agenda.Retry(ctx, m.consumer(), m.stream(key))
	if errors.Is(err, eventstore.ErrNotParked) { // not any more
		return false, nil
	}
	return true, err
}

// passOver makes an instance take note of an event at which it is parked.
func (m *core[C]) passOver(
	ctx context.Context, key string, at eventstore.Parked, change func(d *draft, event eventstore.RecordedEvent) error,
) error {
	event, err := m.findAt(ctx, at.Position)
	if err != nil {
		return err
	}
	i, err := m.load(ctx, key)
	if err != nil {
		return err
	}
	return m.update(ctx, i, func(d *draft) error {
		if at.Position <= d.Through {
			return nil
		}
		return change(d, event)
	})
}

// findAt reads the event at a position.
func (m *core[C]) findAt(ctx context.Context, position eventstore.Position) (eventstore.RecordedEvent, error) {
	for event, err := range m.store.ReadAll(ctx, position-1, eventstore.Filter{Categories: m.categories()}) {
		if err != nil {
			return eventstore.RecordedEvent{}, err
		}
		if event.Position == position {
			return event, nil
		}
		break
	}
	return eventstore.RecordedEvent{}, fmt.Errorf("there is no event at position %d", position)
}

// Fail ends an instance for a reason, as [Effects].Fail does: what it has done is undone, see [Undoable]. It works on
// every instance that has started and is not over, parked or not. It returns an error that wraps [eventstore.ErrInvalid]
// when there is no such instance, or no reason.
//
// After any other error of Fail, Retry or Skip it may have been done or not, or by half: call it again.
func (m *Manager[S, C]) Fail(ctx context.Context, key, reason string) error {
	if err := m.core.fail(ctx, key, textOf(reason)); err != nil {
		return fmt.Errorf("process %q, instance %q: fail: %w", m.core.name, key, err)
	}
	return nil
}

func (m *core[C]) fail(ctx context.Context, key, reason string) error {
	if reason == "" {
		return fmt.Errorf("%w: there is no reason", eventstore.ErrInvalid)
	}
	i, err := m.load(ctx, key)
	if err != nil {
		return err
	}
	over := false
	err = m.update(ctx, i, func(d *draft) error {
		if !d.hasStarted() {
			return fmt.Errorf("%w: it has not started", eventstore.ErrInvalid)
		}
		if over = d.isOver(); over {
			return nil
		}
		if err := m.announce(ctx, d.instance); err != nil {
			return err
		}
		return d.add(failedRecord{Reason: reason, Commands: undo(d.instance, true)}, d.Metadata)
	})
	if err != nil {
		return err
	}
	// Also where it was over: whoever has failed it may have come no further than that.
	if err := m.note(ctx, i); err != nil {
		return err
	}
	if _, err := m.resumeEvents(ctx, key, nil); err != nil || !over { // which come too late now
		return err
	}
	return fmt.Errorf("%w: it has come to its end", eventstore.ErrInvalid)
}

// announce makes somebody look at an instance that is about to be changed, in case that this process does not live to note
// the change. Who looks too early finds nothing to do.
func (m *core[C]) announce(ctx context.Context, i *instance) error {
	entry := i.entry(m.consumer().Name)
	entry.Pending, entry.Parked = true, false
	if err := m.agenda.Note(ctx, entry); err != nil {
		return fmt.Errorf("announce that it is changed: %w", err)
	}
	return nil
}

// noteTimeout is how long note takes at most when ctx has ended.
const noteTimeout = 10 * time.Second

// note tells the agenda what an instance has to do, also when ctx has ended: it is recorded already.
func (m *core[C]) note(ctx context.Context, i *instance) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	if err := m.agenda.Note(ctx, i.entry(m.consumer().Name)); err != nil {
		return fmt.Errorf("note what it has to do: %w", err)
	}
	m.wake()
	return nil
}
