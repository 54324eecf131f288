package aggregate

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/pasttense/pasttense/eventstore"
)

// takeSnapshot brings the snapshot of a stream up to date, if it still is to be. It loads the stream anew: the state that the
// caller has belongs to the caller. It returns what the store failed with.
func (r *Repository[S, E]) takeSnapshot(ctx context.Context, stream eventstore.StreamID) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			r.keeper.log.warn(ctx, "a snapshot cannot be taken", stream, err)
		}
	}()
	kept, found, err := r.keeper.store.LoadSnapshot(ctx, stream, r.keeper.kind)
	if err != nil {
		return err
	}
	var from start
	if found {
		from = startAt(kept)
	}
	folded, err := r.foldFrom(ctx, stream, from, eventstore.ReadOptions{}, nil)
	if found && errors.Is(err, errUnusable) {
		// The store would not put another of the same version in its place.
		if err := r.keeper.forget(ctx, stream); err != nil {
			return err
		}
		found = false
		folded, err = r.foldFrom(ctx, stream, start{}, eventstore.ReadOptions{}, nil)
	}
	if err != nil {
		return err
	}
	if r.keeper.due(folded.since) {
		return r.saveSnapshot(ctx, stream, folded)
	}
	if found {
		r.cache.rebase(stream.Key, kept)
	}
	return nil
}

func (r *Repository[S, E]) saveSnapshot(ctx context.Context, stream eventstore.StreamID, folded loaded[S]) error {
	snapshot := eventstore.Snapshot{
		Stream: stream, Kind: r.keeper.kind,
		Version: folded.Version, Position: folded.Position, EventID: folded.id,
	}
	data, err := r.keeper.encode(folded.State)
	if err == nil {
		snapshot.Data = seal(&snapshot, data)
		err = snapshot.Validate()
	}
	if err != nil {
		r.keeper.giveUp(stream.Key, folded.Version)
		r.keeper.log.warn(ctx, "the state cannot be kept as a snapshot", stream, err)
		return nil
	}
	if err := r.keeper.store.SaveSnapshot(ctx, snapshot); err != nil {
		return err
	}
	r.cache.rebase(stream.Key, snapshot)
	return nil
}
