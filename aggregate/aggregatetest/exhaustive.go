package aggregatetest

import (
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// maxTried ends the search for a state that an event changes.
const maxTried = 5000

// Exhaustive expects that Evolve knows every event type of the family: that an event of it changes at least one of the
// states in which it is tried, or that it is named as ignored. An event that is named as ignored must change none of
// them. So an event that was added to the family and forgotten in Evolve is found.
//
// The events are made up: each field has a value that depends on its type only, so that ItemAdded and ItemRemoved are of
// the same item, and each type is tried with each of its fields altered as well. Interfaces stay nil. Events that
// Evolve looks at more closely are given: the given events of a type are tried too.
//
// The states tried are that of the given events, those on the way there, and those that one and two other events lead
// to from there, at most 5,000. They need not be states that commands can bring about. A panic of Evolve is a failure
// also there, as it cannot know. What Evolve does with every event, such as to count it, hides that one was forgotten.
// States are compared with [reflect.DeepEqual]: one that is not even equal to itself, as it has a function or NaN in it, is
// a failure.
//
// Exhaustive ends the test when the codec does not implement [eventstore.Described].
func (s *Scenario[S, E]) Exhaustive(ignored ...E) {
	a := s.aggregate
	a.t.Helper()
	unused := make(map[string]bool, len(ignored))
	for _, event := range a.encode(ignored) {
		unused[event.Type] = true
	}
	types := a.eventTypes()
	if _, err := a.fold(a.codec.stored(s.past...)); err != nil {
		a.t.Fatalf("the given events: %v", err)
	}
	tried := s.samples(types)
	for _, eventType := range types {
		if len(tried.of[eventType.Name]) == 0 {
			continue // which is reported
		}
		handled, err := s.handles(tried, eventType)
		switch {
		case err != nil:
			a.t.Errorf("%v", err)
		case handled && unused[eventType.Name]:
			a.t.Errorf("%s is named as ignored, but Evolve does something with it: do not name it", named(eventType))
		case !handled && !unused[eventType.Name]:
			a.t.Errorf("Evolve does nothing with %s: add a case, or name it as ignored. "+
				"If there is a case, give a past in which it changes the state", named(eventType))
		}
	}
}

// samples are events to try, by type.
type samples struct {
	of    map[string][]eventstore.EventData
	plain []eventstore.EventData // one of each type
}

// samples makes up events of all types, and adds the given ones. It reports the types of which there are none.
func (s *Scenario[S, E]) samples(types []eventstore.EventType) samples {
	s.aggregate.t.Helper()
	all := samples{of: make(map[string][]eventstore.EventData, len(types))}
	for _, event := range s.past {
		all.of[event.Type] = append(all.of[event.Type], event)
	}
	for _, eventType := range types {
		event, _, err := s.aggregate.madeUp(eventType, unaltered)
		if err == nil {
			all.of[eventType.Name] = append(all.of[eventType.Name], event)
			all.plain = append(all.plain, event)
		} else if len(all.of[eventType.Name]) == 0 {
			s.aggregate.t.Errorf("%s: no event can be made up, give one: %v", named(eventType), err)
		}
		for n := 0; err == nil; n++ {
			event, altered, err := s.aggregate.madeUp(eventType, n)
			if !altered {
				break
			}
			if err == nil {
				all.of[eventType.Name] = append(all.of[eventType.Name], event)
			}
		}
	}
	return all
}

// handles reports whether an event of a type changes one of the states. The error is a panic of Evolve, or says that
// states cannot be compared.
func (s *Scenario[S, E]) handles(tried samples, eventType eventstore.EventType) (bool, error) {
	a := s.aggregate
	for past := range s.pasts(tried.plain) {
		before, err := a.fold(a.codec.stored(past...))
		if err != nil {
			continue // the last of them is reported where it is tried itself
		}
		if again, err := a.fold(a.codec.stored(past...)); err != nil || !reflect.DeepEqual(before, again) {
			return false, fmt.Errorf("whether Evolve knows %s cannot be told, as the same events make another state "+
				"when they are folded again:\n%s", named(eventType), indent(a.describe(a.codec.stored(past...)).lines))
		}
		for _, event := range tried.of[eventType.Name] {
			stream := a.codec.stored(append(slices.Clip(past), event)...)
			after, err := a.fold(stream)
			if err != nil {
				return false, fmt.Errorf("%w, after:\n%s", err, indent(a.describe(stream).lines))
			}
			if !reflect.DeepEqual(before, after) {
				return true, nil
			}
		}
	}
	return false, nil
}

// pasts yields the events that lead to the states in which others are tried.
func (s *Scenario[S, E]) pasts(others []eventstore.EventData) iter.Seq[[]eventstore.EventData] {
	all := func(yield func([]eventstore.EventData) bool) {
		for n := len(s.past); n >= 0; n-- {
			if !yield(s.past[:n]) {
				return
			}
		}
		for _, other := range others {
			if !yield(slices.Concat(s.past, []eventstore.EventData{other})) {
				return
			}
		}
		for _, first := range others {
			for _, second := range others {
				if !yield(slices.Concat(s.past, []eventstore.EventData{first, second})) {
					return
				}
			}
		}
	}
	return atMost(maxTried, all)
}

// atMost yields the first n values of a sequence.
func atMost[T any](n int, all iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		left := n
		for value := range all {
			left--
			if !yield(value) || left == 0 {
				return
			}
		}
	}
}
