package eventstore

import (
	"context"
	"fmt"
	"time"
)

// Checkpoint is how far a consumer has come, and whether it goes on.
type Checkpoint struct {
	// Consumer is the consumer's name.
	Consumer string
	// Position is the last one that the consumer has handled; everything at or below it is handled too.
	Position Position
	// Paused says that the consumer met an event that it could not handle, and waits to be resumed.
	Paused bool
	// Reason is the error it paused with, empty when it is not paused.
	Reason string
	// UpdatedAt is when the checkpoint was changed last, zero for a consumer that never had one.
	UpdatedAt time.Time
}

// Checkpoints keeps the checkpoints of consumers. Its methods are safe for concurrent use, from several processes.
type Checkpoints interface {
	// Checkpoint returns a consumer's checkpoint as it was committed last, with position 0 for a consumer that has none
	// yet.
	Checkpoint(ctx context.Context, consumer string) (Checkpoint, error)

	// Pause stops a consumer, in every process, that could not handle what follows its checkpoint. It returns
	// [ErrCheckpointMoved] when the checkpoint is not at that position any more. A consumer that is paused already keeps
	// its reason. Any text is a reason; what of it cannot be stored is replaced.
	Pause(ctx context.Context, consumer string, at Position, reason string) error

	// Resume lets a paused consumer try again. It does nothing when the consumer is not paused.
	Resume(ctx context.Context, consumer string) error
}

// MaxConsumerBytes is the greatest length of a consumer's name.
const MaxConsumerBytes = 256

// ValidateConsumer returns an error wrapping [ErrInvalid] when name cannot be the name of a consumer: it must be not
// empty, at most [MaxConsumerBytes] long, and valid UTF-8 without NUL.
func ValidateConsumer(name string) error {
	if err := validateName("name of the consumer", name); err != nil {
		return err
	}
	if n := len(name); n > MaxConsumerBytes {
		return fmt.Errorf("%w: name of the consumer is %d bytes, the limit is %d", ErrInvalid, n, MaxConsumerBytes)
	}
	return nil
}

// Move is a step of a consumer's checkpoint.
type Move struct {
	Consumer string
	// From is where the checkpoint must be for the step to be made.
	From Position
	// To is where it is afterwards: not before From.
	To Position
}

// Validate returns an error wrapping [ErrInvalid] when the move goes backwards, or the consumer's name is invalid.
func (m Move) Validate() error {
	if m.From < 0 || m.To < m.From {
		return fmt.Errorf("%w: a checkpoint does not move from position %d to %d", ErrInvalid, m.From, m.To)
	}
	return ValidateConsumer(m.Consumer)
}

// Target is where a projection keeps its read model and its checkpoint, so that both change in one transaction of type
// Tx.
type Target[Tx any] interface {
	Checkpoints

	// Advance runs work, once, and makes the move, in one transaction: both happen or neither. When work returns an
	// error, which Advance wraps, or panics, nothing has happened.
	//
	// Work is not run, and nothing happens, when the consumer is paused ([ErrPaused]), when its checkpoint is not where
	// the move begins ([ErrCheckpointMoved]), or when the move is invalid ([ErrInvalid]). Of several processes that make
	// a move from the same position one succeeds. After any other error the move may have been made: read the checkpoint
	// to learn it. Work must not keep tx.
	Advance(ctx context.Context, move Move, work func(ctx context.Context, tx Tx) error) error
}

// Task says that an instance of a process manager has commands to dispatch. It is a hint: the truth is in the
// instance's stream.
type Task struct {
	// Process is the name of the process manager's consumer.
	Process string
	// Instance is the key of the instance's stream.
	Instance string
	// Version is that of the instance's stream for which the task was planned.
	Version Version
	// Attempts is how often it was tried in vain since it last succeeded.
	Attempts int
	// Reason is the error of the last attempt, empty where there was none.
	Reason string
	// DueAt is when it is to be tried (again).
	DueAt time.Time
}

// Agenda is where process managers keep their checkpoints and tasks. Its only clock is that of what keeps it, so that
// processes need not agree on the time. Its methods are safe for concurrent use, from several processes.
type Agenda interface {
	Checkpoints

	// Plan makes the move and adds a task of the move's consumer, due at once, for each version of an instance, in one
	// transaction. An instance that has a task already keeps its due time and gets the greater version. Errors are those
	// of [Target].Advance.
	Plan(ctx context.Context, move Move, instances map[string]Version) error

	// Claim returns up to limit tasks of a process that are due, longest due first, and makes them due again only after
	// the lease, so that nobody else gets them meanwhile. Who holds a task longer than its lease may share it: nothing
	// keeps a late Postpone or Done from being carried out.
	Claim(ctx context.Context, process string, limit int, lease time.Duration) ([]Task, error)

	// Postpone notes that a claimed task failed, and makes it due again after the delay. With an empty reason it did not
	// fail: no attempt is counted, and the reason of the last one remains. It does nothing when the task is gone.
	Postpone(ctx context.Context, task Task, delay time.Duration, reason string) error

	// Done removes a claimed task. If a greater version was planned meanwhile the task remains, due at once and with no
	// attempts. It does nothing when the task is gone.
	Done(ctx context.Context, task Task) error

	// Tasks returns all tasks of a process by due time, for people to look at.
	Tasks(ctx context.Context, process string) ([]Task, error)
}
