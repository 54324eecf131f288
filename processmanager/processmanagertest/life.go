package processmanagertest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
)

// maxSteps ends a process that never comes to rest.
const maxSteps = 3000

var errRestless = fmt.Errorf("the process has taken %d steps and does not come to rest", maxSteps)

// errCrashed is what every call returns once the process has crashed.
var errCrashed = errors.New("the process has crashed")

// trouble is what happens to a process at one of its steps.
type trouble int

const (
	// crashBefore ends the process, and the step is not done.
	crashBefore trouble = iota
	// crashAfter ends the process once the step is done, before it learns of that.
	crashAfter
	// doubtNotMade and doubtMade are of an append, of which the process learns only that its outcome is unknown. It lives.
	doubtNotMade
	doubtMade
)

func (t trouble) String() string {
	switch t {
	case crashBefore:
		return "the process crashes right before"
	case crashAfter:
		return "the process crashes right after"
	case doubtNotMade:
		return "the process cannot know of its append, which was not made:"
	case doubtMade:
		return "the process cannot know of its append, which was made:"
	default:
		return "trouble"
	}
}

// step is something that a process does.
type step struct {
	// name is what it is called in messages.
	name string
	// changes says that it changes what outlives the process, append that it adds events.
	changes, append bool
}

// life is that of one process, from its beginning to a crash. Steps are counted from 1.
type life struct {
	at      int // the step at which there is trouble, 0 for none
	trouble trouble

	mu    sync.Mutex
	steps []step
	over  bool
	// struck is the step at which there was trouble.
	struck string
	// excused says that an error is no wonder: a command was dispatched, or there was trouble.
	excused bool
	// claimed are the tasks that the process has taken up.
	claimed []eventstore.Task
}

// do does a step, unless the process has crashed.
func (l *life) do(s step, do func() error) error {
	strikes, err := l.begin(s)
	switch {
	case err != nil:
		return err
	case !strikes:
		return do()
	}
	switch {
	case l.trouble == crashBefore:
		l.end()
		return errCrashed
	case l.trouble == crashAfter:
		defer l.end() // also where it panics
		_ = do()
		return errCrashed
	case !s.append:
		return do()
	case l.trouble == doubtNotMade:
		return fmt.Errorf("a test has lost the append: %w", eventstore.ErrOutcomeUnknown)
	default:
		_ = do()
		return fmt.Errorf("a test has lost the answer: %w", eventstore.ErrOutcomeUnknown)
	}
}

// begin counts a step, and reports whether it is the one at which there is trouble.
func (l *life) begin(s step) (strikes bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.over:
		return false, errCrashed
	case len(l.steps) == maxSteps:
		return false, errRestless
	}
	l.steps = append(l.steps, s)
	if strikes = len(l.steps) == l.at; strikes {
		l.struck = l.describe(s)
		l.excused = true
	}
	return strikes, nil
}

// describe names the last step, and where there were several of that name which of them it is.
func (l *life) describe(s step) string {
	same := 0
	for _, other := range l.steps {
		if other.name == s.name {
			same++
		}
	}
	if same == 1 {
		return s.name
	}
	return fmt.Sprintf("%s (no. %d of these)", s.name, same)
}

func (l *life) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

// isOver reports whether the process has crashed.
func (l *life) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// excuse notes that what follows may fail.
func (l *life) excuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.excused = true
}

// takeExcuse reports whether there was an excuse since it was asked last.
func (l *life) takeExcuse() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	excused := l.excused
	l.excused = false
	return excused
}

// claims notes tasks that the process has taken up.
func (l *life) claims(tasks []eventstore.Task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claimed = append(l.claimed, tasks...)
}
