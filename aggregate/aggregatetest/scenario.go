package aggregatetest

import (
	"errors"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
)

// testKey is that of the stream on which commands are executed.
const testKey = "test"

// Aggregate is what is tested: the aggregate with state S and events E.
type Aggregate[S aggregate.State[S, E], E any] struct {
	t     TB
	codec faithful[E]
}

// For begins the tests of an aggregate. The state is named, the events are inferred from their codec. Failures are
// reported to t, a *[testing.T] or the T of a property.
func For[S aggregate.State[S, E], E any](t TB, codec eventstore.Codec[E]) *Aggregate[S, E] {
	t.Helper()
	return &Aggregate[S, E]{t: t, codec: faithful[E]{codec}}
}

// Given says what has happened before: these events, or none. It ends the test when one of them cannot be stored.
func (a *Aggregate[S, E]) Given(past ...E) *Scenario[S, E] {
	a.t.Helper()
	return &Scenario[S, E]{aggregate: a, past: a.encode(past)}
}

// encode returns events as they are stored.
func (a *Aggregate[S, E]) encode(events []E) []eventstore.EventData {
	a.t.Helper()
	encoded := make([]eventstore.EventData, len(events))
	for i, event := range events {
		data, err := a.codec.Encode(event)
		if err != nil {
			a.t.Fatalf("event %d of the test cannot be stored: %v", i, err)
		}
		encoded[i] = withDefaults(data)
	}
	return encoded
}

// Scenario is a past on which commands can be executed. It does not change, so it can serve several tests.
type Scenario[S aggregate.State[S, E], E any] struct {
	aggregate *Aggregate[S, E]
	past      []eventstore.EventData
	format    *eventstore.Format // of snapshots; nil when the state need not be kept
}

// stream returns a stream with the given events.
func (s *Scenario[S, E]) stream() *history {
	return &history{events: s.aggregate.codec.stored(s.past...)}
}

// When executes commands, which decide in turn and succeed or fail together as they do in a repository. Without
// commands it only folds the given events. It ends the test when the commands decide an event that cannot be stored.
func (s *Scenario[S, E]) When(commands ...aggregate.Command[S, E]) *Outcome[S, E] {
	t := s.aggregate.t
	t.Helper()
	stream := s.stream()
	repository := aggregate.New[S](stream, s.aggregate.codec, nil)

	result, err := repository.Execute(t.Context(), testKey, commands...)
	var refused *aggregate.RefusedError
	if errors.As(err, &refused) {
		result, err = repository.Load(t.Context(), testKey)
	}
	if err != nil {
		t.Fatalf("the scenario cannot be played: %v", err)
	}
	outcome := &Outcome[S, E]{aggregate: s.aggregate, state: result.State, recorded: stream.events[len(s.past):]}
	if refused != nil {
		outcome.err = refused
	}
	return outcome
}
