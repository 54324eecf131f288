package eventstore

import (
	"context"
	"time"
)

// Checkpoint is how far one partition of a consumer has come, who works on it, and whether it goes on.
type Checkpoint struct {
	Consumer ConsumerID
	// Partition is from 0 to below Partitions, the number that the consumer has.
	Partition, Partitions int

	// Position is the last one that was handled; everything of the partition at or below it was handled too, or is
	// parked.
	Position Position
	// Handled is how many events the partition has handled since the consumer began, as its moves have counted them.
	Handled int64
	// StopAt is where the partition waits, so that all stand at one position for a moment; 0 where it is to go on. It goes
	// back to 0 by itself, without a new epoch, when the limit of the halt is over.
	StopAt Position
	// Epoch grows with whatever someone who works on the partition has to know: another owner, a pause and its end,
	// what is parked, where to stop, whether the version is live. What was prepared in one epoch is refused in the next.
	Epoch int64
	// Owner is the member that works on the partition, empty where none does: where it was given to nobody, or to a
	// member whose lease has run out.
	Owner string
	// Live says that the version is the one that readers see.
	Live bool

	// Paused says that the partition met an event that it could not handle, and waits to be resumed.
	Paused bool
	// Reason is the error it paused with, empty when it is not paused.
	Reason string
	// UpdatedAt is when the checkpoint was changed last.
	UpdatedAt time.Time
}

// Checkpoints keeps the checkpoints of consumers. Its methods are safe for concurrent use, from several processes. Where
// they name no version, or version 0, they mean the live one.
type Checkpoints interface {
	// Define makes a consumer, with all its partitions at position 0, or takes note of what has changed in its
	// definition. The first version of a name is live. It returns an error wrapping [ErrInvalid] when the ID or the
	// number of partitions is invalid.
	Define(ctx context.Context, consumer ConsumerID, definition Definition) error

	// Consumers returns all consumers, by name and version.
	Consumers(ctx context.Context) ([]DefinedConsumer, error)

	// Checkpoints returns the checkpoints of a consumer's partitions, in their order, as they were committed last and
	// as of one moment. There are none for a consumer that is not defined.
	Checkpoints(ctx context.Context, consumer ConsumerID) ([]Checkpoint, error)

	// Await returns the checkpoints as soon as done says so of them. Done is called with what Checkpoints returns, at
	// first at once, and then when it may have changed: soon after a change by this very value, and otherwise at least
	// once in every. Any number of callers cost about as much as one. Done must be quick, and is called by one goroutine
	// at a time, not always the caller's. It must not change what it is given.
	//
	// A move by this very value may be told by adding it to what was seen before, which costs nothing however often
	// moves are made and however many partitions there are. Then what others have changed since is missing, until it is
	// looked for again: of each partition done sees how it was at some time within every, not of all at the same time.
	//
	// What lasts long is looked for less often: when that is longer than every, once in an eighth of the time that the
	// call has lasted, or in a quarter of a second, whichever is less. So a short wait ends as soon as every promises, a
	// long one lasts no more than an eighth longer, and to wait for a consumer that is not there, or that nobody runs,
	// costs four looks a second.
	//
	// When ctx ends, or the checkpoints cannot be read, it returns the error together with what it saw last.
	Await(ctx context.Context, consumer ConsumerID, every time.Duration, done func([]Checkpoint) bool) (
		[]Checkpoint, error)

	// Pause stops a partition that could not handle what follows its checkpoint, for all that work on it. It returns
	// [ErrCheckpointMoved] when the partition is no longer at the position, or in the epoch, that the given checkpoint
	// has. It does nothing to a partition that is paused already. Any text is a reason; what of it cannot be stored is
	// replaced.
	Pause(ctx context.Context, at Checkpoint, reason string) error

	// Resume lets the paused partitions of a consumer try again. It does nothing to those that are not paused. It returns
	// an error wrapping [ErrInvalid] when the consumer is not defined.
	Resume(ctx context.Context, consumer ConsumerID) error

	// Forget removes a consumer and everything that is kept of it, so that it begins anew when it is defined again. It
	// returns an error wrapping [ErrOwned] while a member runs it, even one that owns no partition: a lease has not run out.
	// It does nothing where the consumer is not defined, and does not touch the read model.
	Forget(ctx context.Context, consumer ConsumerID) error
}
