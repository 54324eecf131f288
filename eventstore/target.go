package eventstore

import (
	"context"
	"fmt"
	"time"
)

// Move is a step of one partition's checkpoint.
type Move struct {
	Consumer  ConsumerID
	Partition int
	// Epoch is the one that the checkpoint must be in for the step to be made.
	Epoch int64
	// From is where the checkpoint must be for the step to be made.
	From Position
	// To is where it is afterwards: not before From.
	To Position
	// Events is how many events were handled in the step, for Checkpoint.Handled.
	Events int

	// Park are sequences to set aside, or to keep set aside as they are now; Unpark are streams whose sequence has been
	// handled. Either begins a new epoch. Skip are events that are passed over.
	Park   []Parked
	Unpark []StreamID
	Skip   []Skipped

	// IdleTimeout is how long the transaction may stand still before it is ended, so that a process that was stopped does
	// not hold up its successor; 0 is the target's own choice.
	IdleTimeout time.Duration
}

// Validate returns an error wrapping [ErrInvalid] when the move goes backwards, or consumer or partition are invalid.
func (m Move) Validate() error {
	if m.From < 0 || m.To < m.From {
		return fmt.Errorf("%w: a checkpoint does not move from position %d to %d", ErrInvalid, m.From, m.To)
	}
	if m.Events < 0 {
		return fmt.Errorf("%w: a step cannot handle %d events", ErrInvalid, m.Events)
	}
	if m.Partition < 0 || m.Partition >= MaxPartitions {
		return fmt.Errorf("%w: there is no partition %d", ErrInvalid, m.Partition)
	}
	return m.Consumer.Validate()
}

// Target is where a projection keeps its read model and its checkpoint, so that both change in one transaction of type
// Tx.
type Target[Tx any] interface {
	Checkpoints
	Leases
	Parking

	// Advance runs work, once, and makes the move, in one transaction: both happen or neither. When work returns an
	// error, which Advance wraps, or panics, nothing has happened.
	//
	// Work is not run, and nothing happens, when the partition is paused ([ErrPaused]), when its checkpoint is not where
	// or not in the epoch in which the move begins, or there is no such partition ([ErrCheckpointMoved]), or when the
	// move is invalid ([ErrInvalid]). Of several processes that make a move from the same position one succeeds. After
	// any other error the move may have been made: read the checkpoint to learn it. Work must not keep tx. It may be nil
	// where there is nothing to do; such a move may be undone by a crash of the target.
	Advance(ctx context.Context, move Move, work func(ctx context.Context, tx Tx) error) error
}
