package trouble

import (
	"context"
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/bench/internal/child"
)

// Fleet is a number of child processes that do the same.
type Fleet struct {
	Processes []*child.Process

	assignment any
	away       []bool // which an incident is about; guarded by its one user
}

// StartFleet starts so many processes with an assignment, as [child.Start] does. The caller stops or kills them, also after
// an error.
func StartFleet(assignment any, size int) (*Fleet, error) {
	f := &Fleet{Processes: make([]*child.Process, size), assignment: assignment, away: make([]bool, size)}
	for i := range f.Processes {
		if err := f.restart(i); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *Fleet) restart(index int) error {
	p, err := child.Start(f.assignment, nil)
	if err != nil {
		return fmt.Errorf("start a child process: %w", err)
	}
	f.Processes[index] = p
	return nil
}

// Terminate terminates all processes, which are to end cleanly.
func (f *Fleet) Terminate(ctx context.Context) error {
	var errs []error
	for _, p := range f.Processes {
		errs = append(errs, p.Terminate(ctx))
	}
	return errors.Join(errs...)
}

// Kill ends what still runs.
func (f *Fleet) Kill() error {
	var errs []error
	for _, p := range f.Processes {
		if p != nil {
			errs = append(errs, p.Kill())
		}
	}
	return errors.Join(errs...)
}
