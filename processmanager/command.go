package processmanager

import (
	"strconv"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// Command is a command as dispatch gets it.
//
// Dispatch brings the command to its receiver and returns nil when it was carried out. It is called at least once for
// each command: again after an error, after a crash, and now and then by two processes at once. So the receiver must
// know a command that it has seen, by its ID. For an aggregate that is
//
//	_, err := orders.ExecuteOnce(ctx, c.ID, c.Instance, order.Confirm{})
//
// and for a receiver over HTTP a header such as Idempotency-Key with the ID in it.
//
// Dispatch returns [Refuse](err) when the receiver will never carry out the command. After any other error, and after a
// panic, the command is dispatched again with backoff, Options.Attempts times, and then the instance is parked, as it is
// at once for a [Permanent] error. The commands that the instance has sent after it wait, other instances do not. So a
// command that is not worth waiting for gives up by itself: if c.Attempt == 5, dispatch refuses it.
//
// The context ends with Options.DispatchTimeout, and carries the command's Metadata for everything that is appended
// under it. It does not end when Run is stopped: a dispatch in hand is finished. Dispatch is called from several
// goroutines, but for one instance from one at a time in each process.
type Command[C any] struct {
	// ID is the same whenever the command is dispatched: it follows from the process, the instance, the input that the
	// command answers, and the command's place among those sent with it.
	ID uuid.UUID
	// Process is the manager's name.
	Process string
	// Instance is the key of the instance that sent the command.
	Instance string
	// Command is what was sent.
	Command C
	// Undoes is the ID of the command that this one undoes, nil where it undoes none. See [Undoable].
	Undoes *uuid.UUID
	// Attempt is 1 the first time. It may be greater than the number of dispatches, and smaller where a process was
	// killed: it is for logs and for receivers who want to know that they are asked again.
	Attempt int
	// Metadata has the correlation ID and trace of the input that the command answers. Where the input has no correlation
	// ID, it is the ID of the input event. Its causation ID is the ID of the record that sent the command, a $pm.decided or
	// $pm.failed of the instance's stream: an event, so that [eventstore.Causes] goes on from there.
	Metadata eventstore.Metadata
}

// commandSpace is the name space of command IDs. It never changes, nor does what commandID makes of it.
var commandSpace = uuid.MustParse("9b2c6a56-0d1b-5f0e-9d43-6f3a5f6c7e21")

// commandID returns the ID of a command. The parts are separated by NUL, which none of them contains.
func commandID(process, instance string, in input, index int) uuid.UUID {
	name := process + "\x00" + instance + "\x00" + in.identity() + "\x00" + strconv.Itoa(index)
	return uuid.NewSHA1(commandSpace, []byte(name))
}

// undoID returns the ID of the command that undoes another.
func undoID(undone uuid.UUID) uuid.UUID {
	return uuid.NewSHA1(commandSpace, []byte("undo\x00"+undone.String()))
}
