package aggregate

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// errUnusable means that what a fold was to start from is not what the store's events amount to.
var errUnusable = errors.New("cannot be used")

// start is what a fold starts from: nothing, a snapshot, and events after it that are in the cache.
type start struct {
	snapshot *eventstore.Snapshot
	events   []eventstore.RecordedEvent
	// version, position and id are those of the last event in it. The id is zero where it is not known.
	version  eventstore.Version
	position eventstore.Position
	id       uuid.UUID
}

func startAt(snapshot eventstore.Snapshot) start {
	return start{
		snapshot: &snapshot,
		version:  snapshot.Version,
		position: snapshot.Position,
		id:       snapshot.EventID,
	}
}

// endsWith returns an error unless an event of the store is the last one in the start. A store that was restored from a
// backup may have another in its place.
func (s *start) endsWith(event eventstore.RecordedEvent) error {
	if event.Version == s.version && event.Position == s.position && (s.id == uuid.Nil || s.id == event.ID) {
		return nil
	}
	return fmt.Errorf("%w: it is of event %s at version %d, position %d, and the store has event %s at version %d, position %d",
		errUnusable, s.id, s.version, s.position, event.ID, event.Version, event.Position)
}
