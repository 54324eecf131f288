package eventstore

import "context"

// AppenderWith is a store that can append and do more in one transaction of type Tx: update a read model that must never
// be behind, say.
type AppenderWith[Tx any] interface {
	Store

	// AppendWith appends as Append does, and runs work with the events as they are recorded, by position, in the same
	// transaction: both happen or neither. When work returns an error, which AppendWith wraps, or panics, nothing has
	// happened. An append that was made before is not made again, and work is not run. Nor is it run when the append is
	// refused.
	//
	// Work may be run more than once, each time in a new transaction after the one before was rolled back; only what it
	// does by tx is undone then. It must not keep tx, nor end it. What Append says of cancellation and of
	// [ErrOutcomeUnknown] holds for both parts.
	AppendWith(ctx context.Context, work func(ctx context.Context, tx Tx, events []RecordedEvent) error, writes ...Write) (
		AppendResult, error)
}
