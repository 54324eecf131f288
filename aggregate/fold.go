package aggregate

import (
	"context"

	"github.com/pasttense/pasttense/eventstore"
)

// fold reads a stream into a state of its own. It ends before the first event that include, if there is one, does not
// want.
func (r *Repository[S, E]) fold(
	ctx context.Context, stream eventstore.StreamID, opts eventstore.ReadOptions,
	include func(eventstore.RecordedEvent) bool,
) (Result[S], error) {
	var result Result[S]
	for recorded, err := range r.store.ReadStream(ctx, stream, opts) {
		if err != nil {
			return Result[S]{}, err
		}
		if include != nil && !include(recorded) {
			break
		}
		if err := r.apply(&result, recorded); err != nil {
			return Result[S]{}, err
		}
	}
	return result, nil
}

// apply moves result on by one stored event. The state it had is not used again.
func (r *Repository[S, E]) apply(result *Result[S], recorded eventstore.RecordedEvent) error {
	events, err := r.codec.Decode(recorded)
	if err != nil {
		return err
	}
	for _, event := range events {
		result.State = result.State.Evolve(event)
	}
	result.Version = recorded.Version
	result.Position = recorded.Position
	return nil
}
