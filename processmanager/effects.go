package processmanager

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Effects is what a reaction wants done besides the new state. The zero value is nothing.
type Effects[C any] struct {
	// Send are commands to dispatch, in this order and after those that the instance has sent before. See [Undoable].
	Send []C

	// Schedule sets timers of the instance. A timer that is set already is moved. Each name needs an [OnTimer]. A timer
	// whose time has passed fires at once.
	Schedule []Timer

	// Cancel are the names of timers that are not to fire. It comes before Schedule, and one that is not set is no error.
	Cancel []string

	// Complete ends the instance: it takes no further input, neither events nor refusals nor timers. Commands that it has
	// sent, also those sent along with Complete, are still dispatched.
	Complete bool

	// Fail ends the instance for a reason, and undoes what it has done: see [Undoable]. What is in Send is dispatched
	// after that.
	Fail string
}

// Timer is a time at which an instance is to decide something, by a name that is unique in the instance.
type Timer = eventstore.Timer

// Undoable is a command that can be undone by another. That one is recorded with the command when it is sent. When the
// instance fails, by [Effects].Fail or [Manager.Fail], the commands that were dispatched are undone, the last first.
//
// Of the commands that are still to be dispatched the first is undone as well, since nobody can know whether its
// receiver has got it, unless the instance fails because the one before it was refused; the others are never
// dispatched. So whoever undoes a command must put up with its never having been carried out, and by [Command].Undoes
// can refuse it should it arrive late. A command that was refused, or skipped by [Manager.Skip], is not undone.
//
// A command whose Undo returns another type is not undoable, and nothing tells: let the compiler check it.
//
//	var _ processmanager.Undoable[Command] = BookHotel{}
type Undoable[C any] interface {
	// Undo returns the command that undoes this one.
	Undo() C
}

// Fired is a timer that has fired.
type Fired struct {
	Name string
	// DueAt is when the timer was to fire, FiredAt when it did, which is later after a downtime.
	DueAt   time.Time
	FiredAt time.Time
}

// internalPrefix is that of timers which processes have for themselves.
const internalPrefix = "$"

func validateTimerName(name string) error {
	if strings.HasPrefix(name, internalPrefix) {
		return fmt.Errorf("%w: name %q of a timer begins with %q", eventstore.ErrInvalid, name, internalPrefix)
	}
	return eventstore.Timer{Name: name, DueAt: time.Unix(0, 0)}.Validate()
}

// validate returns an error for effects that contradict each other, and for timers that do not exist.
func (e Effects[C]) validate(isTimer func(name string) bool) error {
	switch {
	case e.Complete && e.Fail != "":
		return errors.New("the instance cannot complete and fail")
	case (e.Complete || e.Fail != "") && len(e.Schedule) > 0:
		return fmt.Errorf("timer %q would outlive its instance", e.Schedule[0].Name)
	}
	for _, timer := range e.Schedule {
		if !isTimer(timer.Name) {
			return fmt.Errorf("timer %q is scheduled, but there is no OnTimer for it", timer.Name)
		}
		if timer.DueAt.IsZero() {
			return fmt.Errorf("timer %q is scheduled without a time", timer.Name)
		}
	}
	return nil
}
