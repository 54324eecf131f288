package aggregate

import (
	"errors"
	"fmt"
)

// ErrBeyondStream means that a version was asked for that the stream has not reached.
var ErrBeyondStream = errors.New("version is beyond the end of the stream")

// RefusedError means that a command's Decide returned an error: not the system failed but the domain said no, and
// trying again is no use while the state is the same. It wraps the error of the domain, so that [errors.Is] and
// [errors.As] find that too.
type RefusedError struct {
	// Command is the command that was refused.
	Command any
	// Err is what its Decide returned.
	Err error
}

// Error names the command's type and says why it was refused.
func (e *RefusedError) Error() string { return fmt.Sprintf("%T refused: %v", e.Command, e.Err) }

// Unwrap returns the error of the domain.
func (e *RefusedError) Unwrap() error { return e.Err }
