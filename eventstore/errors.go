package eventstore

import (
	"errors"
	"fmt"
)

// Sentinel errors, to be used with [errors.Is]. What a function returns wraps them with what was attempted and on
// which stream or consumer.
var (
	// ErrInvalid means that an argument was refused before anything was read or written.
	// The message names the field and, where there is one, the limit.
	ErrInvalid = errors.New("invalid argument")

	// ErrOutcomeUnknown means that an append may or may not have been committed: the connection broke or the context
	// ended while the commit was under way. Repeating the same append with the same event IDs is safe and tells.
	ErrOutcomeUnknown = errors.New("outcome of the append is unknown")

	// ErrIDReused means that an append carries the ID of an event that its stream already has, and is not a repeat of
	// the append that wrote it: only some of the IDs are there, or type or data differ.
	ErrIDReused = errors.New("event ID was used before by another append")

	// ErrClosed means that the store was closed.
	ErrClosed = errors.New("store is closed")

	// ErrBeyondHead means that a reader asked for what follows a position that the store has not reached. The store has
	// lost events that the reader has seen, by a restore from an older backup or a failover to a lagging standby, or
	// the reader's position comes from another store. Going on would silently miss events.
	ErrBeyondHead = errors.New("position is beyond the head of the store")

	// ErrUnknownType means that a codec met a stored event whose type or schema version it does not know.
	ErrUnknownType = errors.New("unknown event type")

	// ErrCheckpointMoved means that a consumer's checkpoint is not where, or not in the epoch in which, a step of it was to
	// begin: another process was first, or somebody paused, resumed or took over what it is about.
	ErrCheckpointMoved = errors.New("checkpoint was moved meanwhile")

	// ErrPaused means that a consumer is paused: it met an event that it could not handle and waits to be resumed.
	ErrPaused = errors.New("consumer is paused")

	// ErrParked means that a consumer has set aside a stream's events: it met one that it could not handle.
	ErrParked = errors.New("stream is parked")

	// ErrNotParked means that there is no parked sequence of a stream.
	ErrNotParked = errors.New("stream is not parked")

	// ErrOwned means that a consumer cannot be removed while a process runs it.
	ErrOwned = errors.New("consumer is at work")
)

// ConflictError is returned by an append when a stream was not at the expected version. Nothing was written.
type ConflictError struct {
	Stream   StreamID
	Expected ExpectedVersion
	// Actual is the stream's version, or VersionUnknown when the store cannot tell: inside a caller's transaction whose
	// snapshot is older than the winner.
	Actual Version
}

// Error says which stream was expected where, and where it was.
func (e *ConflictError) Error() string {
	if e.Actual == VersionUnknown {
		return fmt.Sprintf("conflict on stream %q: expected %s, but another append was first", e.Stream, e.Expected)
	}
	return fmt.Sprintf("conflict on stream %q: expected %s, but it is at version %d", e.Stream, e.Expected, e.Actual)
}
