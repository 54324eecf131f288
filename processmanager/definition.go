package processmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// definition is what one version of a process reacts to, and how. It does not know the type of the state, as several
// versions with states of different types are run side by side.
type definition[C any] struct {
	version  int
	families map[string]family[C] // by category
	timers   map[string]func(Fired) reaction[C]
	refused  func(Refused[C]) reaction[C]
}

func newDefinition[C any](version int) *definition[C] {
	return &definition[C]{
		version:  version,
		families: make(map[string]family[C]),
		timers:   make(map[string]func(Fired) reaction[C]),
	}
}

// family makes of a stored event what its instance does with it.
type family[C any] func(recorded eventstore.RecordedEvent) ([]routed[C], error)

// routed is an event with the instance that it is for.
type routed[C any] struct {
	Route
	react reaction[C]
}

// reaction makes of the state before, nil for an instance that starts, the state after and the effects.
type reaction[C any] func(before *payload) (after payload, effects Effects[C], err error)

// reactionOf returns a reaction that decodes and encodes the state, so that each call has a state of its own. It makes
// an error of a panic.
func reactionOf[S, C any](react func(S) (S, Effects[C])) reaction[C] {
	return func(before *payload) (after payload, effects Effects[C], err error) {
		defer consumer.Recover(&err)
		state, err := decodeState[S](before)
		if err != nil {
			return payload{}, Effects[C]{}, err
		}
		state, effects = react(state)
		after, err = encodeState(state)
		return after, effects, err
	}
}

// routes returns what the instances do with the events that a codec makes of a stored one.
func routes[S, C, E any](
	envelopes []eventstore.Envelope[E],
	route func(eventstore.Envelope[E]) Route,
	react func(S, eventstore.Envelope[E]) (S, Effects[C]),
) []routed[C] {
	var all []routed[C]
	for _, envelope := range envelopes {
		if to := route(envelope); to.mode != ignoring {
			all = append(all, routed[C]{to, reactionOf(func(s S) (S, Effects[C]) { return react(s, envelope) })})
		}
	}
	return all
}

// then returns the reaction that does what first does and then what next does.
func (first reaction[C]) then(next reaction[C]) reaction[C] {
	return func(before *payload) (payload, Effects[C], error) {
		between, one, err := first(before)
		if err != nil {
			return payload{}, Effects[C]{}, err
		}
		after, two, err := next(&between)
		return after, Effects[C]{
			Send:     slices.Concat(one.Send, two.Send),
			Schedule: slices.Concat(one.Schedule, two.Schedule),
			Cancel:   slices.Concat(one.Cancel, two.Cancel),
			Complete: one.Complete || two.Complete,
			Fail:     one.Fail + two.Fail,
		}, err
	}
}

// route returns which instance an event is for and what that does with it, false where the event is for none.
func (d *definition[C]) route(event eventstore.RecordedEvent) (to routed[C], found bool, err error) {
	family, known := d.families[event.Stream.Category]
	if !known {
		return routed[C]{}, false, nil
	}
	defer consumer.Recover(&err)
	all, err := family(event)
	if err != nil || len(all) == 0 {
		return routed[C]{}, false, err
	}
	to = all[0]
	for _, next := range all[1:] {
		if next.Route != to.Route {
			return routed[C]{}, false, errors.New("its codec makes several events of it, which are routed to instances " +
				fmt.Sprintf("%q and %q: they must be for one, and be routed in one way", to.key, next.key))
		}
		to.react = to.react.then(next.react)
	}
	return to, true, nil
}

// stateSchemaVersion is that of every state stored.
const stateSchemaVersion = 1

func encodeState[S any](state S) (payload, error) {
	data, err := json.Marshal(state)
	if err != nil {
		return payload{}, fmt.Errorf("encode state: %w", err)
	}
	return payload{SchemaVersion: stateSchemaVersion, ContentType: eventstore.ContentTypeJSON, Data: data}, nil
}

// decodeState returns the zero state for nil.
func decodeState[S any](p *payload) (S, error) {
	var state S
	if p == nil {
		return state, nil
	}
	if p.SchemaVersion != stateSchemaVersion || p.ContentType != eventstore.ContentTypeJSON {
		return state, fmt.Errorf("decode state (schema version %d, %s): %w: %w",
			p.SchemaVersion, p.ContentType, eventstore.ErrUnknownType, errNewer)
	}
	if err := json.Unmarshal(p.Data, &state); err != nil {
		return state, fmt.Errorf("decode state: %w", err)
	}
	return state, nil
}
