package eventstore

import "context"

// ReadModels is what a target offers that keeps versions of a read model side by side, each in a place of its own. The
// live version is in the place where readers look. Work of [Target].Advance, and readers, name no version: the target
// sees to it that each finds its own.
//
// Its methods are safe for concurrent use, from several processes.
type ReadModels[Tx any] interface {
	Target[Tx]

	// Prepare makes the place of a defined consumer's read model and runs setUp in it, in one transaction, unless that
	// was done before. It returns an error wrapping [ErrInvalid] when the consumer is not defined, its name cannot be that
	// of a place, or the place, or that of the live version, which this one may take over, is taken by something else.
	Prepare(ctx context.Context, consumer ConsumerID, setUp func(ctx context.Context, tx Tx) error) error

	// Switch makes a version the live one, in place of the one that was, in one transaction: who reads sees the one or the
	// other, whole. Where readers are in the way it may give up and return an error. It begins a new epoch for both, and
	// they do not stop any more. No partition of it may be behind any of the version that was live, nor beyond where all
	// partitions of that have owners and go on ([ErrCheckpointMoved]); none may be paused ([ErrPaused]). It does nothing
	// where the version is live, and returns an error wrapping [ErrInvalid] when it is not defined or not prepared.
	Switch(ctx context.Context, to ConsumerID) error

	// Compare tells in what two versions differ. It compares them as of one moment, at which all their partitions must
	// be at one position ([ErrCheckpointMoved]); once it has that moment it lets them proceed.
	Compare(ctx context.Context, one, other ConsumerID) ([]Difference, error)

	// Drop removes the read model of a version that is not live, and forgets the consumer. It returns an error wrapping
	// [ErrOwned] while a member runs it, as Forget does, and one wrapping [ErrInvalid] for the live version.
	Drop(ctx context.Context, consumer ConsumerID) error
}

// Difference is in what two versions of a part of a read model differ: a table, say.
type Difference struct {
	// Part is the table's name.
	Part string
	// OnlyOne and OnlyOther count the rows that only the one, or only the other, has. A row that has changed counts in
	// both. Both are -1 where the parts cannot be compared, as only one has it or their columns differ; Reason says so.
	OnlyOne, OnlyOther int64
	// Examples are some of these rows as text, each with "-" before what only the one and "+" before what only the other
	// has.
	Examples []string
	Reason   string
}
