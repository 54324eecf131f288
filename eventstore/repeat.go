package eventstore

import (
	"fmt"

	"github.com/google/uuid"
)

// FirstResult tells whether the append was made before. It is for backends, which pass as found at least every event of
// the append's streams that has one of the append's IDs, given by its appender: an ID that a store gave is nobody's to
// repeat.
//
// It returns the first result and true for a repeat, false when none of the events is there, and an error wrapping
// [ErrIDReused] when the IDs belong to something else.
func (p Prepared) FirstResult(found []RecordedEvent) (AppendResult, bool, error) {
	type place struct {
		stream StreamID
		id     uuid.UUID
	}
	recorded := make(map[place]RecordedEvent, len(found))
	for _, event := range found {
		recorded[place{event.Stream, event.ID}] = event
	}
	result := AppendResult{Writes: make([]WriteResult, len(p.Writes))}
	there := 0
	var missing error
	for i, write := range p.Writes {
		for _, event := range write.Events {
			first, ok := recorded[place{write.Stream, event.ID}]
			if !ok {
				missing = reused(write, event, "is not there, although others of the append are")
				continue
			}
			there++
			if first.Type != event.Type || !sameData(&first, &event) {
				return AppendResult{}, false, reused(write, event, "has another type or other data")
			}
			last := &result.Writes[i]
			if last.Version != 0 && first.Version != last.Version+1 {
				return AppendResult{}, false, reused(write, event, "does not follow the event before it")
			}
			*last = WriteResult{Version: first.Version, Position: first.Position}
			result.Position = max(result.Position, first.Position)
		}
	}
	if there == 0 {
		return AppendResult{}, false, nil
	}
	if missing != nil {
		return AppendResult{}, false, missing
	}
	return result, true, nil
}

func reused(write Write, event EventData, how string) error {
	return fmt.Errorf("append to stream %q: %w: event %s %s", write.Stream, ErrIDReused, event.ID, how)
}
