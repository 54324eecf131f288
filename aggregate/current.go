package aggregate

import (
	"context"
	"errors"

	"github.com/pasttense/pasttense/eventstore"
)

// current folds a stream as the store has it now. It starts from what the cache has, or else from a snapshot, or else from
// nothing. The fold ends after the events of earlier, if that is given and finds them.
func (r *Repository[S, E]) current(
	ctx context.Context, stream eventstore.StreamID, earlier *execution,
) (loaded[S], error) {
	if r.mustSeeAll(earlier) {
		folded, err := r.currentFrom(ctx, stream, start{}, earlier)
		folded.since = tally{} // which does not tell what the newest snapshot lacks
		return folded, err
	}
	if from, found := r.cache.get(stream.Key); found {
		folded, err := r.currentFrom(ctx, stream, from, earlier)
		if err == nil && r.keeper != nil && r.keeper.due(folded.since) {
			r.cache.drop(stream.Key) // another process may have taken a snapshot
		}
		if !errors.Is(err, errUnusable) {
			return folded, err
		}
		r.cache.drop(stream.Key)
	}
	from, found := r.snapshot(ctx, stream)
	if !found {
		return r.currentFrom(ctx, stream, start{}, earlier)
	}
	folded, err := r.currentFrom(ctx, stream, from, earlier)
	if errors.Is(err, errUnusable) {
		r.keeper.unusable(ctx, stream, err)
		folded, err = r.currentFrom(ctx, stream, start{}, earlier)
		folded.broken = true
	}
	return folded, err
}

func (r *Repository[S, E]) currentFrom(
	ctx context.Context, stream eventstore.StreamID, from start, earlier *execution,
) (loaded[S], error) {
	folded, err := r.foldFrom(ctx, stream, from, eventstore.ReadOptions{}, earlier.search())
	if err == nil {
		r.cache.learn(stream.Key, from, folded.fresh.events)
	}
	return folded, err
}

// recall folds what the cache has of a stream, without asking the store. It returns false where there is nothing that
// could be folded, and for a command with an ID: the append of a repeat that is decided on the very state of the first
// execution looks like that one.
func (r *Repository[S, E]) recall(stream eventstore.StreamID, once *execution) (loaded[S], bool) {
	from, found := r.cache.get(stream.Key)
	if !found || once != nil {
		return loaded[S]{}, false
	}
	folded, _, err := r.restore(from, nil)
	if err != nil {
		r.cache.drop(stream.Key)
		return loaded[S]{}, false
	}
	return folded, true
}

// mustSeeAll reports whether events that are in a snapshot could not be searched for those of a command.
func (r *Repository[S, E]) mustSeeAll(earlier *execution) bool {
	return earlier != nil && r.keeper != nil && r.finder == nil
}

// snapshot returns the newest snapshot of a stream, if there are to be any.
func (r *Repository[S, E]) snapshot(ctx context.Context, stream eventstore.StreamID) (start, bool) {
	if r.keeper == nil {
		return start{}, false
	}
	snapshot, found := r.keeper.newest(ctx, stream)
	return startAt(snapshot), found
}

// appended is told of a decision that was appended after what was loaded.
func (r *Repository[S, E]) appended(before loaded[S], decided decision[S]) {
	stream := decided.write.Stream
	if r.cache != nil {
		events := make([]eventstore.RecordedEvent, len(decided.write.Events))
		for i, data := range decided.write.Events {
			events[i] = asRecorded(stream, before.Version+eventstore.Version(i+1), data)
		}
		events[len(events)-1].Position = decided.result.Position
		r.cache.follow(stream.Key, before.Version, events)
	}
	if r.keeper == nil {
		return
	}
	since := before.since
	for _, data := range decided.write.Events {
		since.add(data.Data)
	}
	if (before.broken || r.keeper.due(since)) && r.keeper.wants(stream.Key, decided.result.Version) {
		r.taker.ask(stream)
	}
}
