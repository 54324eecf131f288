package eventstore

import (
	"context"
	"fmt"
	"time"
)

// Entry is what an agenda knows of an instance of a process that has begun and is not over, and of nothing else. It is
// an index: the truth is in the instance's stream, and whoever works on an instance reads that first.
type Entry struct {
	// Process is the name of the process manager's consumer.
	Process string
	// Instance is the key of the instance's stream, and Version that of the stream for which the entry holds.
	Instance string
	Version  Version

	// Pending says that the instance has commands to dispatch.
	Pending bool
	// Parked says that they wait for somebody to decide, as the first of them was tried too often. Timers fire
	// nevertheless. It means nothing where there are no commands.
	Parked bool
	// Timers are those that are set, at most [MaxTimers], each with a name of its own. An agenda returns them by due time
	// and then by name, to the microsecond.
	Timers []Timer
	// Over says that the instance has come to its end. Unless it has commands to dispatch, it has no entry any more.
	Over bool

	// What follows is the agenda's own. It is ignored where an entry is given.

	// CommandsDueAt is when the commands are to be worked on (again), zero where none are, or they are parked.
	CommandsDueAt time.Time
	// Attempts is how often the first of the commands was tried in vain, and Reason the error of the last attempt.
	Attempts int
	Reason   string
	// UpdatedAt is when the entry was changed last.
	UpdatedAt time.Time
}

// Timer is a time at which a process has something to decide.
type Timer struct {
	Name  string    `json:"name"`
	DueAt time.Time `json:"due_at"`
}

// Duty is what there is to do for an instance.
type Duty int

// The duties of an [Entry].
const (
	// DutyCommands is to dispatch commands.
	DutyCommands Duty = iota
	// DutyTimers is to fire timers.
	DutyTimers
)

// String returns what there is to do in a word: "commands" or "timers".
func (d Duty) String() string {
	switch d {
	case DutyCommands:
		return "commands"
	case DutyTimers:
		return "timers"
	default:
		return fmt.Sprintf("Duty(%d)", int(d))
	}
}

// Task is a duty that somebody has taken up by [Agenda].Claim.
type Task struct {
	Process  string
	Instance string
	Duty     Duty
	// Version is that of the entry.
	Version Version
	// Attempts is how often the first of the commands was tried in vain.
	Attempts int
	// ClaimedAt is the time of the claim: that of the agenda's clock, or the one that was given.
	ClaimedAt time.Time
	// Until is when the lease ends, to the microsecond. It names the lease, too: it is what Release is compared with.
	Until time.Time
}

// Release says how a [Task] ended.
type Release struct {
	Task Task
	// Entry is the instance as it was left.
	Entry Entry
	// Failed says that the first of the commands was tried in vain, for a Reason, which counts as an attempt. Otherwise
	// a task that leaves commands behind was handed back: if any command succeeded, Progress says so, and the count of
	// attempts begins anew. Where both are true it begins anew with this attempt. Any text is a reason; what of it cannot
	// be stored is replaced.
	Failed   bool
	Progress bool
	Reason   string
	// Delay is how long commands that are left wait at least. It is not negative.
	Delay time.Duration

	// Of a task of timers Failed, Progress, Reason and Delay mean nothing: they are due at their times.
}

// EntryQuery selects entries.
type EntryQuery struct {
	// Instance selects one instance; empty is any.
	Instance string
	// After selects the instances after a key, to page through them; Limit is how many at most, 0 is all.
	After string
	Limit int
	// Pending, Parked and WithTimers select only entries of which that is true.
	Pending, Parked, WithTimers bool
}

// AgendaSummary counts what a process has under way.
type AgendaSummary struct {
	// Open is the number of entries. Of these so many have commands to dispatch, are parked, and have timers.
	Open, Pending, Parked, WithTimers int
	// Overdue is for how long the oldest command or timer has waited although it is due and nobody has taken it up; 0
	// where none has.
	Overdue time.Duration
}

// Agenda is where process managers keep their checkpoints, and which of their instances have something to do. Its only
// clock is that of what keeps it, so that processes need not agree on the time. Its methods are safe for concurrent use,
// from several processes.
//
// An entry is taken in unless the agenda has that of a greater version already. Commands of an instance that had none, or
// whose commands were parked, are due at once and have no attempts; those of one that has some remain as they are, whether
// someone works on them or they wait. Timers are due when the first of them is; where they are the same as before, a
// lease on them remains. An entry that is over and has no commands is removed.
//
// What is lost of an agenda by a crash right after it was written does no harm: tasks are claimed once more, and events
// handled again, which their instances know.
//
// All methods return an error wrapping [ErrInvalid], and do nothing, when what they are given is not as the Validate
// methods of its type say, when the process cannot be a consumer, or an entry is of another one.
type Agenda interface {
	// Forget removes the entries of a process, too.
	Checkpoints
	Leases
	Parking

	// Plan makes the move and takes in entries of the move's consumer, in one transaction. Of several entries of an
	// instance that of the greatest version counts, and of equal ones the last. Errors are those of [Target].Advance. A
	// Plan whose move parks, unparks and skips nothing may be undone by a crash of the agenda.
	Plan(ctx context.Context, move Move, entries []Entry) error

	// Claim returns up to limit tasks of a process that are due, longest due first, and makes them due again only after
	// the lease, so that nobody else gets them meanwhile. Timers are due by the given time; where that is zero, and for
	// commands, by the agenda's clock. What somebody else is claiming at this moment is passed over. The limit is not
	// negative, and the lease not shorter than a microsecond. A Claim may be undone by a crash of the agenda.
	Claim(ctx context.Context, process string, duty Duty, now time.Time, limit int, lease time.Duration) ([]Task, error)

	// Release ends leases, and takes in the entries as the tasks left them, all in one transaction. Where an entry of a
	// greater version was planned meanwhile, its commands are due after the delay, and its timers when the first of them
	// is. A task whose lease has been taken over changes nothing of the other's lease, unless its entry has other timers;
	// neither does it count as an attempt.
	//
	// Of several entries of an instance that of the greatest version counts, and of several leases with one duty that
	// which ends last. An instance that has no entry any more, as it was over, gets one only where something is left to do
	// for it: then somebody will claim it, and see. A Release may be undone by a crash of the agenda.
	Release(ctx context.Context, releases ...Release) error

	// Note takes in an entry of a process, without a move. It is on disk when Note returns.
	Note(ctx context.Context, entry Entry) error

	// Entries returns entries of a process, by instance.
	Entries(ctx context.Context, process string, query EntryQuery) ([]Entry, error)

	// Summary counts the entries of a process. It looks at all of them.
	Summary(ctx context.Context, process string) (AgendaSummary, error)
}
