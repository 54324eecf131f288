package aggregatetest

import (
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
)

// fold returns the state after stored events: a new one each time, which shares no memory with others.
func (a *Aggregate[S, E]) fold(stored []eventstore.RecordedEvent) (S, error) {
	var state S
	for _, recorded := range stored {
		var err error
		if state, err = a.evolve(state, recorded); err != nil {
			return state, err
		}
	}
	return state, nil
}

// evolve returns the state after one more stored event. The state it is given is not to be used again.
func (a *Aggregate[S, E]) evolve(state S, recorded eventstore.RecordedEvent) (S, error) {
	events, err := a.codec.Decode(recorded)
	if err != nil {
		return state, err
	}
	for _, event := range events {
		if err := caught(func() { state = state.Evolve(event) }); err != nil {
			return state, fmt.Errorf("Evolve(%T) %w", event, err)
		}
	}
	return state, nil
}

// caught calls a function of the domain. If that panics, it returns an error that says with what and where, and that is
// the same each time, as shrinking needs it.
func caught(f func()) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panicked in %s: %v", origin(), reason)
		}
	}()
	f()
	return nil
}

// origin returns the function that has panicked, and where it stands. It is for deferred functions.
func origin() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	panicking := false
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			panicking = true
		case panicking && !strings.HasPrefix(frame.Function, "runtime.") &&
			!strings.HasPrefix(frame.Function, "internal/runtime/"):
			return fmt.Sprintf("%s (%s:%d)", path.Base(frame.Function), filepath.Base(frame.File), frame.Line)
		}
		if !more {
			return "an unknown function"
		}
	}
}
