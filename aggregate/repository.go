package aggregate

import (
	"fmt"
	"reflect"

	"github.com/pasttense/pasttense/eventstore"
)

// State is implemented by the state S of an aggregate whose events are E. Its zero value is the state of a stream with
// no events. S is a value type: a struct whose Evolve has a value receiver.
type State[S, E any] interface {
	// Evolve returns the state after an event. It is pure and cannot fail: the event has happened. See the package's
	// documentation for slices and maps.
	Evolve(event E) S
}

// Command asks something of an aggregate with state S and events E.
type Command[S, E any] interface {
	// Decide returns the events that the command leads to in a state, none when there is nothing to do, or the error
	// for which it is refused. It is pure: it may be called again for the same command, with a newer state.
	Decide(state S) ([]E, error)
}

// Repository executes commands on the streams of one category, and loads their states. It keeps no state between calls.
// It is safe for concurrent use.
type Repository[S State[S, E], E any] struct {
	store    eventstore.Store
	codec    eventstore.Codec[E]
	attempts int
}

// New returns the repository of the aggregates whose events are of the codec's family. The state is named, the events
// are inferred:
//
//	orders := aggregate.New[Order](store, order.Events, nil)
//
// New panics when the store or codec is nil, and when S is a pointer or an interface: mistakes that the program shows
// when it starts.
func New[S State[S, E], E any](
	store eventstore.Store, codec eventstore.Codec[E], opts *Options,
) *Repository[S, E] {
	if store == nil || codec == nil {
		panic("aggregate.New: the store and the codec must not be nil")
	}
	if state := reflect.TypeFor[S](); state.Kind() == reflect.Pointer || state.Kind() == reflect.Interface {
		panic(fmt.Sprintf("aggregate.New: the state %s is a %s, it must be a value whose zero is the state "+
			"without events", state, state.Kind()))
	}
	return &Repository[S, E]{store: store, codec: codec, attempts: opts.attempts()}
}

// id returns the stream of an aggregate. It is to be validated, as the key comes from the caller.
func (r *Repository[S, E]) id(key string) eventstore.StreamID {
	return eventstore.StreamID{Category: r.codec.Category(), Key: key}
}
