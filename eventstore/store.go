package eventstore

import (
	"context"
	"iter"
)

// Store is what a backend offers: streams of events that are only ever added to. Package eventstoretest holds every
// backend to the guarantees S1 to S13 that it names; the most important ones are told here.
//
// All methods are safe for concurrent use. A method whose context ends returns an error that wraps the context's.
// After Close every method returns [ErrClosed]. Each range over a sequence that a method returned reads anew.
type Store interface {
	// Append commits all writes or none, and returns once they are durable.
	//
	// An append names a stream once. The positions of its events follow the order of the arguments. When a stream is
	// not as its write expects, Append returns a [*ConflictError] and writes nothing; a write without events is a check
	// that holds at the commit too. Of several racing appends that expect the same version one succeeds.
	//
	// When the events carry IDs given by the caller, an append that was made before returns its first result and writes
	// nothing, whatever has happened to the streams since; expectations and checks are not judged again. An append that
	// shares only some IDs with what its streams have, or shares them with other types or data, is refused with
	// [ErrIDReused].
	//
	// Other errors: [ErrInvalid] for arguments that no backend stores, and [ErrOutcomeUnknown] when the append may have
	// been committed although its acknowledgement was lost. After any other error nothing was written.
	Append(ctx context.Context, writes ...Write) (AppendResult, error)

	// ReadStream yields the committed events of a stream in the order of opts, none for a stream with no events. It may
	// show an event that ReadAll and Subscribe do not show yet. The sequence ends after an error. No lock or connection
	// is held while the caller's loop body runs.
	ReadStream(ctx context.Context, id StreamID, opts ReadOptions) iter.Seq2[RecordedEvent, error]

	// ReadAll yields the events after a position that the filter selects, by position, and ends at the stable head as
	// it was when the reading began. The stable head lies before the first append that was then in flight. Nothing
	// selected that was skipped will ever appear at or below the position of the last event that was yielded.
	// It returns [ErrBeyondHead] when the store has not reached after, and [ErrInvalid] when after is negative.
	ReadAll(ctx context.Context, after Position, filter Filter) iter.Seq2[RecordedEvent, error]

	// Subscribe yields what ReadAll does, in batches, and then each new event as it is committed; it ends only with the
	// context or an error. To go on after an error, subscribe again after the last batch's Through. The first batch
	// comes as soon as the store has looked, even when it has nothing in it; a later one when Through has moved or the
	// head was reached. Batches are limited in events and in bytes, so a large append may come in several. A slow loop
	// body delays nobody else.
	// It returns [ErrBeyondHead] when the store has not reached after, and [ErrInvalid] when after is negative.
	Subscribe(ctx context.Context, after Position, filter Filter) iter.Seq2[Batch, error]

	// Head returns the highest position committed, 0 in an empty store.
	Head(ctx context.Context) (Position, error)

	// Close ends subscriptions with [ErrClosed], waits for the store's goroutines and releases what it holds.
	// When ctx ends first, Close returns its error and goes on in the background. Closing again does nothing.
	Close(ctx context.Context) error
}

// ReadOptions selects a part of a stream. The zero value reads all of it, forwards.
type ReadOptions struct {
	// From is the version of the first event yielded; 0 is the first event, or with Backwards the last. Reading
	// forwards from beyond the end yields nothing; reading backwards from there begins at the end.
	From Version
	// Backwards yields the events by falling version.
	Backwards bool
	// Limit is the greatest number of events yielded; 0 is no limit.
	Limit int
}

// Batch is what a subscription has to say: the selected events, how far it has looked, and whether that is the head.
type Batch struct {
	// Events are the selected events, by position. They are shared and must not be changed.
	Events []RecordedEvent
	// Through is a position at or below which nothing selected remains unseen, also when Events is empty. It is at or
	// below the position of a committed event, so a checkpoint that holds it survives a crash of the store.
	Through Position
	// CaughtUp says that no event beyond Through was committed when the store looked.
	CaughtUp bool
}

// Flatten turns the batches of a subscription into single events. The sequence ends as that of the batches does.
func Flatten(batches iter.Seq2[Batch, error]) iter.Seq2[RecordedEvent, error] {
	return func(yield func(RecordedEvent, error) bool) {
		for batch, err := range batches {
			if err != nil {
				yield(RecordedEvent{}, err)
				return
			}
			for _, event := range batch.Events {
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}

// Counter is what a store offers that can tell how many events there are without reading them.
type Counter interface {
	// Count returns how many of the events after a position, up to and including another, the filter selects, but no more
	// than limit, which bounds its cost; 0 is no limit. Like a read it counts what is stable, and returns [ErrInvalid] for
	// what a read refuses.
	Count(ctx context.Context, after, through Position, filter Filter, limit int) (int, error)
}
