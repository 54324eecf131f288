package eventstore

import (
	"context"
	"time"
)

// Roster is who runs a consumer, and who works on which of its partitions.
type Roster struct {
	// Now is the time by the clock of what keeps the roster, the only one that counts.
	Now time.Time
	// Members has when the lease of each member ends, by its name. One whose lease has run out owns nothing.
	Members map[string]time.Time
	// Partitions are the checkpoints. Here, Owner is the member that a partition was given to, even when its lease has
	// run out.
	Partitions []Checkpoint
}

// Leases spreads the partitions of consumers over the processes that run them. Its methods are safe for concurrent use,
// from several processes.
//
// A lease decides who works, so that work is not done twice. That nothing is handled twice does not rest on it: a move
// is made from where the checkpoint is, and in its epoch.
type Leases interface {
	// Coordinate calls change, once, with the roster of a consumer, and keeps what it does to Members and to the Owner
	// of Partitions. Nobody else changes the roster meanwhile. Each partition whose owner changes begins a new epoch. It
	// returns an error wrapping [ErrInvalid], and does not call change, when the consumer is not defined.
	//
	// A partition whose move is being committed at this moment keeps its owner, as does one whose owner was stopped in
	// the middle of a move until its transaction has been ended: whoever wants it asks again.
	Coordinate(ctx context.Context, consumer ConsumerID, change func(roster *Roster)) error

	// Halt makes all partitions of the consumers go on to one position, the furthest of them all, and stop there. Who
	// works on them must heed StopAt. At position 0, before anything was handled, nobody stops. They go on when Proceed
	// says so, and in any case when the limit is over: whoever wanted them to stop may be dead.
	Halt(ctx context.Context, limit time.Duration, consumers ...ConsumerID) (Position, error)

	// Proceed ends what Halt has begun.
	Proceed(ctx context.Context, consumers ...ConsumerID) error

	// Repartition gives a consumer another number of partitions, owned by nobody, in place of those it has, which must
	// all be at one position: [ErrCheckpointMoved] where they are not, [ErrPaused] where one is paused. They do not stop
	// any more. The first of them takes over the count of what all have handled. It returns an error wrapping
	// [ErrInvalid] when the consumer is not defined or cannot have so many.
	Repartition(ctx context.Context, consumer ConsumerID, partitions int) error
}
