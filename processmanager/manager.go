package processmanager

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
)

// categoryPrefix is that of the streams of all process managers.
const categoryPrefix = "$pm."

// Manager is a process manager: it reacts to events and dispatches the commands that its reactions send. S is the state
// of an instance, C the family of its commands. It is made by [New], told what to react to by [On] and [OnRefused], and
// then run by [Run] or [Manager.CatchUp].
//
// Its methods are safe for concurrent use once it is defined, and any number of managers of the same name may run at
// once, in any number of processes, if they share store and agenda.
type Manager[S, C any] struct {
	name     string
	agenda   eventstore.Agenda
	commands eventstore.Codec[C]
	dispatch func(ctx context.Context, c Command[C]) error
	options  Options
	log      *slog.Logger
	history  history
	// planned wakes the dispatcher of this manager. It holds at most one signal.
	planned chan struct{}

	mu      sync.Mutex
	started bool
	// What the manager reacts to is not changed any more once it has started. Families are by category.
	families  map[string]family[S, C]
	onRefused func(S, Refused[C]) (S, Effects[C])
}

// New returns a process manager that keeps its instances in streams of store and its checkpoint and tasks in agenda.
// Commands are stored with the given codec until dispatch has run them; the category of that codec is not used. See
// [Command] for what dispatch must do. Nil options are the defaults.
//
// The state S is stored as JSON by package encoding/json, after every decision: only exported fields survive.
//
// The name is a part of the category of the instances' streams, "$pm." and the name: it is never changed, or the
// process would begin anew. New panics when it is empty or has a '-', and when dispatch is nil or an option is out of
// range: mistakes that the program shows when it starts.
func New[S, C any](
	name string,
	store eventstore.Store,
	agenda eventstore.Agenda,
	commands eventstore.Codec[C],
	dispatch func(ctx context.Context, c Command[C]) error,
	opts *Options,
) *Manager[S, C] {
	if err := validateName(name); err != nil {
		panic(fmt.Sprintf("processmanager.New: process %q: %v", name, err))
	}
	if dispatch == nil || commands == nil {
		panic(fmt.Sprintf("processmanager.New: process %q: dispatch and the codec of commands must not be nil", name))
	}
	options, err := complete(opts)
	if err != nil {
		panic(fmt.Sprintf("processmanager.New: process %q: %v", name, err))
	}
	return &Manager[S, C]{
		name:     name,
		agenda:   agenda,
		commands: commands,
		dispatch: dispatch,
		options:  options,
		log:      options.Logger.With("process", name),
		history:  history{store: store, process: name},
		planned:  make(chan struct{}, 1),
		families: make(map[string]family[S, C]),
	}
}

// Name returns the manager's name.
func (m *Manager[S, C]) Name() string { return m.name }

// Consumer returns what the manager's checkpoint is kept under in its agenda, for [eventstore.Checkpoints]; its name is
// that of the manager's tasks too. The name is the category of the instances' streams, so that it is never that of a
// projection.
func (m *Manager[S, C]) Consumer() eventstore.ConsumerID {
	return eventstore.ConsumerID{Name: categoryPrefix + m.name, Version: 1}
}

func validateName(name string) error {
	if name == "" {
		return fmt.Errorf("%w: the name is empty", eventstore.ErrInvalid)
	}
	if err := eventstore.ValidateConsumer(categoryPrefix + name); err != nil {
		return err
	}
	return eventstore.ValidateCategory(categoryPrefix + name)
}
