package processmanager

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// Effects is what a reaction wants done besides the new state. The zero value is nothing.
type Effects[C any] struct {
	// Send are commands to dispatch, in this order and after those that the instance has sent before.
	Send []C

	// Complete ends the instance: it takes no further input, neither events nor refusals. Commands that it has sent,
	// also those sent along with Complete, are still dispatched.
	Complete bool
}

// On makes the manager react to the events of a family. Route gives the key of the instance that an event is for, and
// "" for an event that is not for this process; see [ByStream]. A key that no event was routed to before begins a new
// instance with the zero state.
//
// React gets the state of the instance and the event, and returns the new state and what to do. It is pure: it asks
// neither the clock nor a database nor chance, since it may be run again when another process has changed the instance
// meanwhile. What it needs to know is in the event: [eventstore.Envelope].RecordedAt is the time. The state it gets is
// its own to change.
//
// An event whose route or reaction panics is tried again as [Options] say, and then the manager is paused.
//
// Adding a family to a process that has run already does not bring up what lies before its checkpoint.
//
// On panics when the manager reacts to the category already, when the category is invalid, and when the manager was
// started: mistakes in the program.
func On[S, C, E any](
	m *Manager[S, C],
	codec eventstore.Codec[E],
	route func(e eventstore.Envelope[E]) string,
	react func(state S, e eventstore.Envelope[E]) (S, Effects[C]),
) {
	category := codec.Category()
	if err := eventstore.ValidateCategory(category); err != nil {
		panic(fmt.Sprintf("processmanager.On: process %q: %v", m.name, err))
	}
	if route == nil || react == nil {
		panic(fmt.Sprintf("processmanager.On: process %q, category %q: route or react is nil", m.name, category))
	}
	m.define("On", func() {
		if _, taken := m.families[category]; taken {
			panic(fmt.Sprintf("processmanager.On: process %q reacts to category %q twice", m.name, category))
		}
		m.families[category] = func(recorded eventstore.RecordedEvent) ([]reaction[S, C], error) {
			envelopes, err := eventstore.Open(codec, recorded)
			if errors.Is(err, eventstore.ErrUnknownType) && slices.Contains(m.options.IgnoreTypes, recorded.Type) {
				return nil, nil
			}
			return reactions(envelopes, route, react), err
		}
	})
}

// reactions returns what the instances do with an event that was decoded.
func reactions[S, C, E any](
	envelopes []eventstore.Envelope[E],
	route func(eventstore.Envelope[E]) string,
	react func(S, eventstore.Envelope[E]) (S, Effects[C]),
) []reaction[S, C] {
	var routed []reaction[S, C]
	for _, envelope := range envelopes {
		if key := route(envelope); key != "" {
			routed = append(routed, reaction[S, C]{
				instance: key,
				react:    func(state S) (S, Effects[C]) { return react(state, envelope) },
			})
		}
	}
	return routed
}

// ByStream routes an event to the instance with the key of the event's stream: one instance for each order, say.
func ByStream[E any](e eventstore.Envelope[E]) string { return e.Stream.Key }

// OnRefused makes the manager react to commands that were refused, see [Refuse]. React is pure, as that of [On] is. An
// instance that is complete does not react any more. Without OnRefused a refusal is logged and recorded, and the
// instance goes on as if the command had been dispatched.
//
// OnRefused panics when it was called before and when the manager was started: mistakes in the program.
func OnRefused[S, C any](m *Manager[S, C], react func(state S, refused Refused[C]) (S, Effects[C])) {
	m.define("OnRefused", func() {
		if m.onRefused != nil || react == nil {
			panic(fmt.Sprintf("processmanager.OnRefused: process %q: react is nil or given twice", m.name))
		}
		m.onRefused = react
	})
}

// define changes what the manager reacts to, for the function that is named.
func (m *Manager[S, C]) define(function string, change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started {
		panic(fmt.Sprintf("processmanager.%s: process %q was started already", function, m.name))
	}
	change()
}

// family makes of a stored event what its instances do with it.
type family[S, C any] func(recorded eventstore.RecordedEvent) ([]reaction[S, C], error)

// reaction is what one instance does with an input.
type reaction[S, C any] struct {
	instance string
	react    func(state S) (S, Effects[C])
}

// after returns the reaction that does what first does and then what r does.
func (r reaction[S, C]) after(first reaction[S, C]) reaction[S, C] {
	return reaction[S, C]{
		instance: r.instance,
		react: func(state S) (S, Effects[C]) {
			state, before := first.react(state)
			state, effects := r.react(state)
			return state, Effects[C]{
				Send:     slices.Concat(before.Send, effects.Send),
				Complete: before.Complete || effects.Complete,
			}
		},
	}
}
