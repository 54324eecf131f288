package aggregate

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/pasttense/pasttense/aggregate/internal/shape"
	"github.com/pasttense/pasttense/eventstore"
)

// keeper turns states into snapshots and back.
type keeper[S any] struct {
	SnapshotOptions
	store eventstore.Snapshots
	kind  string
	log   *complaints

	mu     sync.Mutex
	unkept map[string]eventstore.Version // where a state could not be kept, by key
}

// newKeeper panics when the store keeps no snapshots, and when the states cannot be kept.
func newKeeper[S, E any](
	store eventstore.Store, codec eventstore.Codec[E], options SnapshotOptions,
) *keeper[S] {
	state := reflect.TypeFor[S]()
	snapshots, ok := store.(eventstore.Snapshots)
	if !ok {
		panic(fmt.Sprintf("aggregate.New: snapshots are asked for, but the store %T keeps none: it is no "+
			"eventstore.Snapshots", store))
	}
	if options.keptAsJSON() {
		if err := shape.KeptByJSON(state); err != nil {
			panic(fmt.Sprintf("aggregate.New: a snapshot of the state %s would not be the state: %v. Change that, give the "+
				"type MarshalJSON and UnmarshalJSON, or give SnapshotOptions a Format that keeps it", state, err))
		}
	}
	options = options.withDefaults()
	if options.Format.Marshal == nil || options.Format.Unmarshal == nil {
		panic("aggregate.New: the Format of snapshots must have Marshal and Unmarshal")
	}
	return &keeper[S]{
		SnapshotOptions: options,
		store:           snapshots,
		kind:            snapshotKind(state, codec, options),
		log:             &complaints{logger: options.Logger},
		unkept:          make(map[string]eventstore.Version),
	}
}

// maxKindName cuts the name of the state, which may be generic and long.
const maxKindName = 64

// snapshotKind is another for all that can be told to make another state of the same events, or other data of it.
func snapshotKind[E any](state reflect.Type, codec eventstore.Codec[E], options SnapshotOptions) string {
	schema := codec.Category()
	if described, ok := codec.(eventstore.Described); ok {
		schema = described.Schema()
	}
	name := []rune(state.Name())
	return fmt.Sprintf("%s %d %s", string(name[:min(len(name), maxKindName)]), options.Version,
		shape.Digest(shape.Fingerprint(state), options.Format.ContentType, schema))
}

// newest returns the snapshot of a stream, if the store has one and gives it away. Without it the events are folded, so a
// failure is none of the caller's.
func (k *keeper[S]) newest(ctx context.Context, stream eventstore.StreamID) (eventstore.Snapshot, bool) {
	snapshot, found, err := k.store.LoadSnapshot(ctx, stream, k.kind)
	if err != nil && ctx.Err() == nil {
		k.log.warn(ctx, "a snapshot cannot be loaded, so all events are read", stream, err)
	}
	return snapshot, found && err == nil
}

// unusable is told why the events are folded although there is a snapshot.
func (k *keeper[S]) unusable(ctx context.Context, stream eventstore.StreamID, err error) {
	k.log.warn(ctx, "a snapshot cannot be used, so all events are read", stream, err)
}

// open returns the state in a snapshot, with memory of its own.
func (k *keeper[S]) open(snapshot *eventstore.Snapshot) (S, error) {
	data, err := unseal(snapshot)
	if err != nil {
		var none S
		return none, err
	}
	return k.decode(data)
}

func (k *keeper[S]) decode(data []byte) (state S, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	err = k.Format.Unmarshal(data, &state)
	return state, err
}

// encode returns data of which the same state comes back.
func (k *keeper[S]) encode(state S) (data []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	if data, err = k.Format.Marshal(&state); err != nil {
		return nil, err
	}
	again, err := k.decode(data)
	if err != nil {
		return nil, fmt.Errorf("it does not come back: %w", err)
	}
	if path, differs := shape.Difference(state, again); differs {
		return nil, fmt.Errorf("%s comes back as something else", path)
	}
	return data, nil
}

// forget deletes the snapshot of a stream, since the store would not put one of the same version in its place.
func (k *keeper[S]) forget(ctx context.Context, stream eventstore.StreamID) error {
	_, err := k.store.DeleteSnapshots(ctx, eventstore.SnapshotSelection{
		Category: stream.Category, Key: stream.Key, Kind: k.kind,
	})
	return err
}

// maxUnkept is how many streams are remembered whose states cannot be kept.
const maxUnkept = 1000

// giveUp keeps a stream whose state cannot be kept from being folded again for each of its commands.
func (k *keeper[S]) giveUp(key string, version eventstore.Version) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.unkept) == maxUnkept {
		clear(k.unkept)
	}
	k.unkept[key] = version
}

// wants reports whether a snapshot of a stream is to be tried that has come to a version.
func (k *keeper[S]) wants(key string, version eventstore.Version) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	failed, found := k.unkept[key]
	return !found || version-failed >= eventstore.Version(max(k.Every, DefaultSnapshotEvery))
}
