package eventstore

import (
	"context"
	"fmt"
	"time"
)

// Parked is a sequence that a consumer has set aside: an event that it could not handle, and whatever comes after it in
// its stream, up to the checkpoint. The events are where they always are, in the store.
type Parked struct {
	// Stream names the sequence. That of a process manager is the stream of an instance, and its events are those that
	// are for the instance, in whatever streams they are.
	Stream StreamID
	// Version and Position are those of the first event that waits, Type is its type.
	Version  Version
	Position Position
	Type     string
	// Reason is the error with which that event failed last.
	Reason string
	// Attempts is how often it was tried again since it was parked.
	Attempts int
	// Retry says that somebody has asked for it to be tried again.
	Retry bool
	// ParkedAt is when the sequence was set aside, by the clock of what keeps it: a Move does not give it.
	ParkedAt time.Time
}

// ParkedQuery says which of the sequences that a consumer has parked are wanted. The zero value wants all of them. There
// may be a great many, with long reasons.
type ParkedQuery struct {
	// Streams wants the sequences of these streams; none are all.
	Streams []StreamID
	// Retry wants those that somebody has asked for to be tried again.
	Retry bool
	// After wants those whose Position is above it. Together with Limit it reads them page by page.
	After Position
	// Limit is how many are wanted at most; 0 is no limit.
	Limit int
	// LatestFirst wants them by ParkedAt, the latest first, instead of by position.
	LatestFirst bool
	// WithoutReason wants them with an empty Reason.
	WithoutReason bool
}

// Validate returns an error wrapping [ErrInvalid] when position or limit are negative.
func (q ParkedQuery) Validate() error {
	if q.After < 0 || q.Limit < 0 {
		return fmt.Errorf("%w: up to %d parked sequences after position %d cannot be listed", ErrInvalid, q.Limit, q.After)
	}
	return nil
}

// Skipped is an event that a consumer could not handle and has passed over.
type Skipped struct {
	Stream    StreamID
	Version   Version
	Position  Position
	Type      string
	Reason    string
	SkippedAt time.Time // as ParkedAt
}

// Parking keeps what consumers could not handle. A consumer parks and skips by a [Move]. Its methods are safe for
// concurrent use, from several processes. Version 0 of a consumer means the live one.
type Parking interface {
	// Parked returns the sequences that a consumer has parked and that are wanted, by position. To look for a few streams
	// costs about the same however many are parked, as does a page. There are none of a consumer that is not defined. It
	// returns an error wrapping [ErrInvalid] when the query is invalid.
	Parked(ctx context.Context, consumer ConsumerID, query ParkedQuery) ([]Parked, error)

	// Retry asks whoever works on the consumer to try a parked sequence again. It begins a new epoch. It returns
	// [ErrNotParked] when there is no such sequence, and an error wrapping [ErrInvalid] when the consumer is not defined.
	Retry(ctx context.Context, consumer ConsumerID, stream StreamID) error

	// Discard gives up a parked sequence: its events are never handled, those that come later are. It begins a new
	// epoch. Its errors are those of Retry.
	Discard(ctx context.Context, consumer ConsumerID, stream StreamID) error

	// Skipped returns the events that a consumer has passed over last, the latest first, no more than limit.
	Skipped(ctx context.Context, consumer ConsumerID, limit int) ([]Skipped, error)
}
