package aggregate

import (
	"context"
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
// It is safe for concurrent use. One that takes snapshots is closed before its store.
type Repository[S State[S, E], E any] struct {
	store    eventstore.Store
	codec    eventstore.Codec[E]
	attempts int
	cache    *cache
	// keeper and taker are nil without snapshots, and finder where it is not needed or not there.
	keeper *keeper[S]
	taker  *taker
	finder eventstore.Finder
}

// New returns the repository of the aggregates whose events are of the codec's family. The state is named, the events
// are inferred:
//
//	orders := aggregate.New[Order](store, order.Events, nil)
//
// New panics when the store or codec is nil, when S is a pointer or an interface, and when the options ask for snapshots
// that the store or the state do not allow: mistakes that the program shows when it starts.
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
	r := &Repository[S, E]{store: store, codec: codec, attempts: opts.attempts()}
	if opts == nil {
		return r
	}
	r.cache = newCache(opts.CacheBytes)
	if opts.Snapshots != nil {
		r.keeper = newKeeper[S](store, codec, *opts.Snapshots)
		r.taker = newTaker(r.takeSnapshot)
		r.finder, _ = store.(eventstore.Finder)
	}
	return r
}

// Close waits for the snapshot that is being taken, and takes no more. When the context ends first, it gives up that
// snapshot and returns the context's error. It does nothing where [Options] ask for no snapshots. All other methods can be
// used as before. Close a repository before its store.
func (r *Repository[S, E]) Close(ctx context.Context) error {
	if r.taker == nil {
		return nil
	}
	return r.taker.close(ctx)
}

// id returns the stream of an aggregate. It is to be validated, as the key comes from the caller.
func (r *Repository[S, E]) id(key string) eventstore.StreamID {
	return eventstore.StreamID{Category: r.codec.Category(), Key: key}
}
