package aggregate

import (
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// decision is what commands have decided: the write to be made, and the result once it is.
type decision[S any] struct {
	write  eventstore.Write
	result Result[S]
}

// decide lets the commands decide in turn. The loaded state is not used again.
func (r *Repository[S, E]) decide(
	stream eventstore.StreamID, loaded Result[S], commands []Command[S, E],
) (decision[S], error) {
	decided := decision[S]{
		write:  eventstore.Write{Stream: stream, Expected: eventstore.Exactly(loaded.Version)},
		result: loaded,
	}
	for _, command := range commands {
		events, err := command.Decide(decided.result.State)
		if err != nil {
			return decision[S]{}, &RefusedError{Command: command, Err: err}
		}
		if err := r.record(&decided, events); err != nil {
			return decision[S]{}, fmt.Errorf("%T: %w", command, err)
		}
	}
	return decided, nil
}

// record adds events to a decision. All are encoded before the first is applied: they may share memory with the state,
// which Evolve may write to.
func (r *Repository[S, E]) record(decided *decision[S], events []E) error {
	for i, event := range events {
		data, err := r.codec.Encode(event)
		if err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		decided.write.Events = append(decided.write.Events, data)
	}
	for i, data := range decided.write.Events[decided.result.Recorded:] {
		recorded := asRecorded(decided.write.Stream, decided.result.Version+1, data)
		if err := r.apply(&decided.result, recorded); err != nil {
			return fmt.Errorf("event %d cannot be read back: %w", i, err)
		}
		decided.result.Recorded++
	}
	return nil
}

// asRecorded returns an event as a codec will find it in the store. Position, time, metadata, and the ID if the store gives
// it, are not known yet.
func asRecorded(
	stream eventstore.StreamID, version eventstore.Version, data eventstore.EventData,
) eventstore.RecordedEvent {
	recorded := eventstore.RecordedEvent{
		ID:            data.ID,
		Stream:        stream,
		Version:       version,
		Type:          data.Type,
		SchemaVersion: data.SchemaVersion,
		ContentType:   data.ContentType,
		Data:          data.Data,
	}
	if recorded.SchemaVersion == 0 {
		recorded.SchemaVersion = 1
	}
	if recorded.ContentType == "" {
		recorded.ContentType = eventstore.ContentTypeJSON
	}
	return recorded
}
