package processmanagertest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// beginning is when the event before the first was recorded. Each event is a second later than the one before it.
var beginning = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// world is what a process knows and what it has sent.
type world[S, C any] struct {
	manager   *processmanager.Manager[S, C]
	position  eventstore.Position
	versions  map[eventstore.StreamID]eventstore.Version
	instances map[string]instance[S]
	// pending are the commands that were not refused, in the order in which they were sent.
	pending []processmanager.Command[C]
}

type instance[S any] struct {
	state     S
	completed bool
}

func newWorld[S, C any](m *processmanager.Manager[S, C]) *world[S, C] {
	return &world[S, C]{
		manager:   m,
		versions:  make(map[eventstore.StreamID]eventstore.Version),
		instances: make(map[string]instance[S]),
	}
}

func (w *world[S, C]) clone() *world[S, C] {
	cloned := *w
	cloned.versions = maps.Clone(w.versions)
	cloned.instances = maps.Clone(w.instances)
	cloned.pending = slices.Clone(w.pending)
	return &cloned
}

// play returns what the instances decide on an input, and remembers it.
func (w *world[S, C]) play(input Input) ([]processmanager.Decision[S, C], error) {
	if input.err != nil {
		return nil, input.err
	}
	decide, err := w.prepare(input)
	if err != nil {
		return nil, err
	}
	decisions, err := decide()
	if err != nil {
		return nil, err
	}
	again, err := decide()
	if err != nil || !reflect.DeepEqual(decisions, again) {
		return nil, fmt.Errorf("a reaction is not pure: called again it decides otherwise"+
			"\n    at first: %+v\n    again:    %+v (error: %v)", decisions, again, err)
	}
	for _, decision := range decisions {
		w.remember(decision)
	}
	return decisions, nil
}

// deciding is a reaction to an input. It can be called again.
type deciding[S, C any] func() ([]processmanager.Decision[S, C], error)

// prepare returns the reaction to an input.
func (w *world[S, C]) prepare(input Input) (deciding[S, C], error) {
	if input.command == nil {
		event := w.record(input.event)
		return func() ([]processmanager.Decision[S, C], error) { return w.decide(event) }, nil
	}
	refused, err := w.refuse(input)
	return func() ([]processmanager.Decision[S, C], error) { return w.decideRefused(refused) }, err
}

// record completes an event as a store does.
func (w *world[S, C]) record(event eventstore.RecordedEvent) eventstore.RecordedEvent {
	w.position++
	w.versions[event.Stream]++
	event.Position = w.position
	event.Version = w.versions[event.Stream]
	event.ID = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s/%d", event.Stream, event.Version))
	if event.RecordedAt.IsZero() {
		event.RecordedAt = beginning.Add(time.Duration(w.position) * time.Second)
	}
	return event
}

func (w *world[S, C]) decide(event eventstore.RecordedEvent) ([]processmanager.Decision[S, C], error) {
	decisions, err := w.manager.Decide(event, func(key string) S { return w.instances[key].state })
	return slices.DeleteFunc(decisions, func(d processmanager.Decision[S, C]) bool {
		return w.instances[d.Instance].completed
	}), err
}

// refuse takes the command of a refusal from those that are pending.
func (w *world[S, C]) refuse(input Input) (processmanager.Refused[C], error) {
	place := slices.IndexFunc(w.pending, func(c processmanager.Command[C]) bool {
		return reflect.DeepEqual(any(c.Command), input.command)
	})
	if place < 0 {
		return processmanager.Refused[C]{}, fmt.Errorf("the process has not sent the command that is refused: %s",
			line(input.command))
	}
	if input.refusal == nil {
		return processmanager.Refused[C]{}, errors.New("a command is refused without an error")
	}
	refused := processmanager.Refused[C]{Command: w.pending[place], Err: input.refusal}
	w.pending = slices.Delete(w.pending, place, place+1)
	return refused, nil
}

func (w *world[S, C]) decideRefused(
	refused processmanager.Refused[C],
) ([]processmanager.Decision[S, C], error) {
	instance := w.instances[refused.Command.Instance]
	if instance.completed {
		return nil, nil
	}
	decision, reacts, err := w.manager.DecideRefused(refused, instance.state)
	if err != nil || !reacts {
		return nil, err
	}
	return []processmanager.Decision[S, C]{decision}, nil
}

func (w *world[S, C]) remember(decision processmanager.Decision[S, C]) {
	w.instances[decision.Instance] = instance[S]{state: decision.State, completed: decision.Effects.Complete}
	for n, command := range decision.Effects.Send {
		w.pending = append(w.pending, processmanager.Command[C]{
			ID:       decision.CommandIDs[n],
			Process:  w.manager.Name(),
			Instance: decision.Instance,
			Command:  command,
			Attempt:  1,
			Metadata: eventstore.Metadata{CausationID: decision.CommandIDs[n].String()},
		})
	}
}
