package aggregate

import "github.com/pasttense/pasttense/eventstore"

// Result is the state of an aggregate, and where in the store it stands.
type Result[S any] struct {
	// State belongs to the caller; the repository keeps no part of it.
	State S
	// Version is that of the last event in State, 0 for a stream with no events.
	Version eventstore.Version
	// Position is that of the last event in State, 0 for a stream with no events. A reader that has come to this
	// position has seen all that State contains.
	Position eventstore.Position
	// Recorded is the number of events that the commands of Execute or ExecuteOnce brought about, the last ones in
	// State. It equals Version when they were the stream's first.
	Recorded int
	// Repeated says that ExecuteOnce found the command's events in the stream and appended nothing: Result is the
	// outcome of the first execution.
	Repeated bool
}
