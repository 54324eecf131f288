package eventstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// Finder is what a store offers that finds events by their ID. Like ReadStream it finds what is committed, also what
// ReadAll does not show yet, and also events of the library's own.
//
// All methods are safe for concurrent use. A method whose context ends returns an error that wraps the context's, and after
// Close every method returns [ErrClosed]. The zero ID is [ErrInvalid].
type Finder interface {
	// FindGiven returns the event of a stream to which its appender gave an ID, false when the stream has none. It costs
	// about as much as reading one event, however long the stream is. It does not find an ID that the store gave. It
	// returns [ErrInvalid] for a stream that cannot be.
	FindGiven(ctx context.Context, stream StreamID, id uuid.UUID) (RecordedEvent, bool, error)

	// FindBefore returns the events with an ID that lie before a position, by position; none when there are none. These
	// are all to which their appenders gave the ID, which may be several, in different streams. Only where there is none
	// of these, it is the one to which the store gave it.
	//
	// An ID that was given is found at once. Another is looked for from the position backwards, event by event: what lies
	// shortly before is found fast, and an ID that is not there costs reading all that is before the position. The time
	// that an ID may tell plays no part, as an import or a clock may have set the times of events otherwise. It is for
	// people who ask, not for programs at work.
	//
	// It returns [ErrInvalid] when before is negative.
	FindBefore(ctx context.Context, id uuid.UUID, before Position) ([]RecordedEvent, error)
}

// ValidateEventID returns an error wrapping [ErrInvalid] when no event can have an ID.
func ValidateEventID(id uuid.UUID) error {
	if id == uuid.Nil {
		return fmt.Errorf("%w: the event ID is zero", ErrInvalid)
	}
	return nil
}

// ValidateFindBefore returns an error wrapping [ErrInvalid] when [Finder].FindBefore is not given an ID and a position that
// can be. It is for backends.
func ValidateFindBefore(id uuid.UUID, before Position) error {
	if before < 0 {
		return fmt.Errorf("%w: the position is %d, the least is 0", ErrInvalid, before)
	}
	return ValidateEventID(id)
}
