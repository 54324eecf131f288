package aggregatetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
)

// Holds executes commands one after the other, each on its own: one that is refused leaves nothing behind, and the next
// one follows. It checks the state after the given events and after each command:
//
//   - the invariant returns nil for it; a nil invariant is none;
//   - the command decides the same on an equal state, and does not change the state that it is given;
//   - folding the stored events again gives the state that the repository has returned.
//
// Neither Decide nor Evolve may panic. States are compared with [reflect.DeepEqual], refusals by their text. Holds ends
// the test at the first thing that is wrong, and shows the commands up to there. It is for properties, where a
// generator draws the commands and a failure is shrunk to the few that it takes:
//
//	rapid.Check(t, func(t *rapid.T) {
//		commands := rapid.SliceOf(anyCommand).Draw(t, "commands")
//		aggregatetest.For[Order](t, Events).Given().Holds(Order.Valid, commands...)
//	})
func (s *Scenario[S, E]) Holds(invariant func(state S) error, commands ...aggregate.Command[S, E]) {
	t := s.aggregate.t
	t.Helper()
	p := play[S, E]{aggregate: s.aggregate, stream: s.stream(), given: len(s.past), format: s.format}
	if err := p.begin(invariant); err != nil {
		t.Fatalf("%v\n%s", err, indent(p.lines()))
	}
	for _, command := range commands {
		if err := p.execute(command, invariant); err != nil {
			t.Fatalf("%v\n%s", err, indent(p.lines()))
		}
	}
}

// play is a sequence of commands that are executed on a stream of their own.
type play[S aggregate.State[S, E], E any] struct {
	aggregate *Aggregate[S, E]
	stream    *history
	given     int // events
	steps     []step
	format    *eventstore.Format // of snapshots; nil for none
	kept      snapshot[S]
}

// step is a command of a play and what has become of it, as far as it is known.
type step struct {
	command any
	outcome string
}

// begin checks the state after the given events.
func (p *play[S, E]) begin(invariant func(S) error) error {
	state, err := p.aggregate.fold(p.stream.events)
	if err != nil {
		return err
	}
	return p.check(state, invariant)
}

// execute executes a command and checks all that Holds promises.
func (p *play[S, E]) execute(command aggregate.Command[S, E], invariant func(S) error) error {
	p.steps = append(p.steps, step{command: command})
	first, err := p.decide(command)
	if err != nil {
		return err
	}
	before := len(p.stream.events)
	var result aggregate.Result[S]
	panicked := caught(func() {
		repository := aggregate.New[S](p.stream, p.aggregate.codec, nil)
		result, err = repository.Execute(p.aggregate.t.Context(), testKey, command)
	})
	if panicked != nil {
		return fmt.Errorf("%T %w", command, panicked)
	}
	second := decision{events: p.stream.events[before:]}
	var refused *aggregate.RefusedError
	if errors.As(err, &refused) {
		second.refusal = refusal(refused.Err)
	} else if err != nil {
		return err
	}
	p.steps[len(p.steps)-1].outcome = second.String()
	if err := p.compare(command, first, second); err != nil {
		return err
	}
	if second.refusal != "" {
		return nil // the state is that of the step before
	}
	return p.check(result.State, invariant)
}

// decision is what a command has decided: events as they are stored, or a refusal.
type decision struct {
	events  []eventstore.RecordedEvent
	refusal string
}

func (d decision) String() string {
	if d.refusal != "" {
		return d.refusal
	}
	types := make([]string, len(d.events))
	for i, event := range d.events {
		types[i] = event.Type
	}
	if len(types) == 0 {
		return "nothing to do"
	}
	return strings.Join(types, ", ")
}

func refusal(err error) string { return fmt.Sprintf("refused: %v", err) }

// decide lets a command decide once, and sees to it that the state does not change by that.
func (p *play[S, E]) decide(command aggregate.Command[S, E]) (decision, error) {
	state, err := p.aggregate.fold(p.stream.events)
	if err != nil {
		return decision{}, err
	}
	var events []E
	var refused error
	if err := caught(func() { events, refused = command.Decide(state) }); err != nil {
		return decision{}, fmt.Errorf("%T %w", command, err)
	}
	encoded := make([]eventstore.EventData, len(events))
	for i, event := range events {
		data, err := p.aggregate.codec.Encode(event)
		if err != nil {
			return decision{}, fmt.Errorf("event %d that %T has decided cannot be stored: %w", i, command, err)
		}
		encoded[i] = withDefaults(data)
	}
	before, err := p.aggregate.fold(p.stream.events)
	if err != nil {
		return decision{}, err
	}
	if !reflect.DeepEqual(before, state) {
		return decision{}, fmt.Errorf("%T has changed the state that it was given (- before, + after Decide):\n%s",
			command, difference(describe(before), describe(state)))
	}
	decided := decision{events: p.aggregate.codec.stored(encoded...)}
	if refused != nil {
		decided = decision{refusal: refusal(refused)}
	}
	return decided, nil
}

// compare returns an error when a command has decided in two ways.
func (p *play[S, E]) compare(command any, first, second decision) error {
	if first.refusal != second.refusal {
		return fmt.Errorf("%T has decided in two ways on equal states:\n    %s\n    %s", command, first, second)
	}
	if !slices.EqualFunc(first.events, second.events, sameAsStored) {
		return fmt.Errorf("%T has decided other events on an equal state (- first, + second):\n%s", command,
			difference(p.aggregate.describe(first.events), p.aggregate.describe(second.events)))
	}
	return nil
}

// check checks the state that the stream has come to.
func (p *play[S, E]) check(state S, invariant func(S) error) error {
	again, err := p.aggregate.fold(p.stream.events)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(state, again) {
		return fmt.Errorf("the same events make another state when they are folded again (- first, + second):\n%s",
			difference(describe(state), describe(again)))
	}
	if err := p.checkKept(state); err != nil {
		return err
	}
	if invariant == nil {
		return nil
	}
	if err := invariant(again); err != nil {
		return fmt.Errorf("the invariant does not hold: %w\n%s", err, indent(format(state)))
	}
	return nil
}

// lines returns what was played so far.
func (p *play[S, E]) lines() []string {
	lines := []string{"after " + count(p.given) + " given"}
	for i, step := range p.steps {
		title := fmt.Sprintf("%d. %T", i+1, step.command)
		if step.outcome != "" {
			title += ": " + step.outcome
		}
		lines = append(lines, title)
		fields := format(step.command)
		if fields[0] == strings.TrimPrefix(fmt.Sprintf("%T", step.command), "*") {
			fields = fields[1:]
		}
		for _, field := range fields {
			lines = append(lines, "   "+field)
		}
	}
	return lines
}
