package processmanager

import (
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/internal/consumer"
)

// Refused is a command that its receiver refused.
type Refused[C any] struct {
	// Command is the command as it was dispatched.
	Command Command[C]
	// Err is what dispatch gave to [Refuse]. The instance's stream records its text.
	Err error
}

// Permanent marks an error of dispatch that trying again does not cure, and that is not for the process to react to: the
// instance is parked at once. Permanent returns nil when err is nil.
func Permanent(err error) error { return consumer.Permanent(err) }

// Refuse marks an error as a refusal: the receiver has understood the command and will never carry it out, so there is
// no use in trying again. The command is done with, and the instance reacts by [OnRefused]. A domain error is a refusal
// as a rule; a failure of the network is not. Refuse returns nil when err is nil.
func Refuse(err error) error {
	if err == nil {
		return nil
	}
	return &refusal{err: err}
}

type refusal struct{ err error }

func (r *refusal) Error() string { return fmt.Sprintf("refused: %v", r.err) }

func (r *refusal) Unwrap() error { return r.err }

// refusalOf returns what was given to Refuse, and nil for an error that is no refusal.
func refusalOf(err error) error {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused.err
	}
	return nil
}
