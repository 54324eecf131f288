package processmanager

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// stateSchemaVersion is that of every state stored.
const stateSchemaVersion = 1

// Decision is what an instance decides on an input.
type Decision[S, C any] struct {
	// Instance is the instance's key.
	Instance string
	// State is that after the decision, as it will be read back from the store.
	State S
	// Effects are what else is to be done, with the commands as dispatch will get them.
	Effects Effects[C]
	// CommandIDs has the ID of each command.
	CommandIDs []uuid.UUID
}

// Decide returns what the process decides on an event: a decision for each instance that the event is routed to, none
// for an event that is not for this process. State gives the state of an instance before the event, the zero value for
// a new one.
//
// Decide neither reads nor writes anything and runs no command. It is what a running manager does with an event that is
// new to an instance, for tests and tools; see package processmanagertest. It returns an error when the event's type
// is unknown, when route or reaction panics, and when state or commands cannot be stored.
func (m *Manager[S, C]) Decide(
	event eventstore.RecordedEvent, state func(instance string) S,
) ([]Decision[S, C], error) {
	reactions, err := m.route(event)
	if err != nil {
		return nil, err
	}
	decisions := make([]Decision[S, C], len(reactions))
	for n, r := range reactions {
		if decisions[n], err = m.try(inputOf(event), r, state(r.instance)); err != nil {
			return nil, err
		}
	}
	return decisions, nil
}

// DecideRefused returns what the instance decides when its command was refused, and false when the process has no
// [OnRefused]. For the rest it is like [Manager.Decide].
func (m *Manager[S, C]) DecideRefused(refused Refused[C], state S) (Decision[S, C], bool, error) {
	if m.onRefused == nil {
		return Decision[S, C]{}, false, nil
	}
	decision, err := m.try(input{Refused: &refused.Command.ID}, m.reactionTo(refused), state)
	return decision, true, err
}

// try returns a decision that went through the codecs as it will on its way to the store and back.
func (m *Manager[S, C]) try(in input, r reaction[S, C], state S) (Decision[S, C], error) {
	var none Decision[S, C]
	before, err := encodeState(state)
	if err != nil {
		return none, m.explain(r.instance, err)
	}
	record, err := m.decide(in, r, &before)
	if err != nil {
		return none, err
	}
	decision := Decision[S, C]{Instance: r.instance, Effects: Effects[C]{Complete: record.Completed}}
	if decision.State, err = decodeState[S](&record.State); err != nil {
		return none, m.explain(r.instance, err)
	}
	stored := eventstore.RecordedEvent{Stream: m.history.stream(r.instance)}
	for _, command := range record.Commands {
		decoded, err := m.decodeCommand(&tracked{commandRecord: command, decision: stored})
		if err != nil {
			return none, m.explain(r.instance, err)
		}
		decision.Effects.Send = append(decision.Effects.Send, decoded)
		decision.CommandIDs = append(decision.CommandIDs, command.ID)
	}
	return decision, nil
}

// route returns what the instances do with an event: one reaction for each instance.
func (m *Manager[S, C]) route(event eventstore.RecordedEvent) (reactions []reaction[S, C], err error) {
	family, known := m.families[event.Stream.Category]
	if !known {
		return nil, nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("process %q: route event: %w", m.name, err)
		}
	}()
	defer consumer.Recover(&err)
	all, err := family(event)
	if err != nil {
		return nil, err
	}
	return byInstance(all), nil
}

// byInstance joins the reactions of one instance into one, since there is one decision for each input. There are
// several where the codec has split a stored event.
func byInstance[S, C any](all []reaction[S, C]) []reaction[S, C] {
	joined := make([]reaction[S, C], 0, len(all))
	place := make(map[string]int, len(all))
	for _, r := range all {
		if n, found := place[r.instance]; found {
			joined[n] = r.after(joined[n])
			continue
		}
		place[r.instance] = len(joined)
		joined = append(joined, r)
	}
	return joined
}

func (m *Manager[S, C]) reactionTo(refused Refused[C]) reaction[S, C] {
	return reaction[S, C]{
		instance: refused.Command.Instance,
		react:    func(state S) (S, Effects[C]) { return m.onRefused(state, refused) },
	}
}

// decide runs a reaction and returns the record of what it decided. The state before is nil for a new instance. The
// reaction gets a state that nobody else has.
func (m *Manager[S, C]) decide(
	in input, r reaction[S, C], before *payload,
) (record decidedRecord, err error) {
	defer func() {
		if err != nil {
			err = m.explain(r.instance, err)
		}
	}()
	defer consumer.Recover(&err)
	state, err := decodeState[S](before)
	if err != nil {
		return decidedRecord{}, err
	}
	state, effects := r.react(state)
	record = decidedRecord{Input: in, Completed: effects.Complete}
	if record.State, err = encodeState(state); err != nil {
		return decidedRecord{}, err
	}
	for index, command := range effects.Send {
		data, err := m.commands.Encode(command)
		if err != nil {
			return decidedRecord{}, fmt.Errorf("command %d: %w", index, err)
		}
		record.Commands = append(record.Commands, commandRecord{
			ID:      commandID(m.name, r.instance, in, index),
			Type:    data.Type,
			payload: payloadOf(data),
		})
	}
	return record, nil
}

func (m *Manager[S, C]) explain(instance string, err error) error {
	return fmt.Errorf("process %q, instance %q: decide: %w", m.name, instance, err)
}

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
		return state, fmt.Errorf("decode state (schema version %d, %s): %w",
			p.SchemaVersion, p.ContentType, eventstore.ErrUnknownType)
	}
	if err := json.Unmarshal(p.Data, &state); err != nil {
		return state, fmt.Errorf("decode state: %w", err)
	}
	return state, nil
}
