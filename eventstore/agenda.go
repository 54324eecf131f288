package eventstore

import (
	"context"
	"time"
)

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
	// Forget removes the tasks of a process, too.
	Checkpoints
	Leases

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
