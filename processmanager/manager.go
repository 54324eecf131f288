package processmanager

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// categoryPrefix is that of the streams of all process managers.
const categoryPrefix = "$pm."

// Manager is a process manager: it reacts to events and dispatches the commands that its reactions send. S is the state
// of an instance, C the family of its commands. It is made by [New], told what to react to by [On], [OnTimer] and
// [OnRefused], and then run by [Run] or [Manager.CatchUp].
//
// Its methods are safe for concurrent use once it is defined, and any number of managers of the same name may run at
// once, in any number of processes, if they share store and agenda.
type Manager[S, C any] struct {
	core *core[C]
}

// core is a manager without the type of its state.
type core[C any] struct {
	name     string
	store    eventstore.Store
	agenda   eventstore.Agenda
	commands eventstore.Codec[C]
	dispatch func(ctx context.Context, c Command[C]) error
	options  Options
	log      *slog.Logger
	// planned wakes those who do a duty. Each holds at most one signal.
	planned [2]chan struct{}
	recent  *recent

	mu      sync.Mutex
	started bool
	// What the manager reacts to is not changed any more once it has started. Both are by version.
	definitions map[int]*definition[C]
	migrations  map[int]func(before *payload) (payload, error)
}

// New returns a process manager that keeps its instances in streams of store and its checkpoints and tasks in agenda.
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
	return &Manager[S, C]{core: &core[C]{
		name:        name,
		store:       store,
		agenda:      agenda,
		commands:    commands,
		dispatch:    dispatch,
		options:     options,
		log:         options.Logger.With("process", name),
		planned:     [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)},
		recent:      newRecent(),
		definitions: map[int]*definition[C]{options.Version: newDefinition[C](options.Version)},
		migrations:  make(map[int]func(*payload) (payload, error)),
	}}
}

// Name returns the manager's name.
func (m *Manager[S, C]) Name() string { return m.core.name }

// Consumer returns what the manager's checkpoints are kept under in its agenda, for [eventstore.Checkpoints]; its name
// is that of the manager's entries too. The name is the category of the instances' streams, so that it is never that of
// a projection.
func (m *Manager[S, C]) Consumer() eventstore.ConsumerID { return m.core.consumer() }

func (m *core[C]) consumer() eventstore.ConsumerID {
	return eventstore.ConsumerID{Name: categoryPrefix + m.name, Version: 1}
}

// stream returns the stream of an instance.
func (m *core[C]) stream(key string) eventstore.StreamID {
	return eventstore.StreamID{Category: categoryPrefix + m.name, Key: key}
}

func (m *Manager[S, C]) define(function string, change func(d *definition[C], options Options)) {
	m.core.change(function, func() { change(m.core.definitions[m.core.options.Version], m.core.options) })
}

func (m *Manager[S, C]) zero() (none S) { return none }

// change changes what the manager reacts to, for the function that is named: panics with an error are told as its own.
func (m *core[C]) change(function string, change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started {
		panic(fmt.Sprintf("processmanager.%s: process %q was started already", function, m.name))
	}
	defer func() {
		if err, mistake := recover().(error); mistake {
			panic(fmt.Sprintf("processmanager.%s: process %q: %v", function, m.name, err))
		}
	}()
	change()
}

// start fixes what the manager reacts to, and returns what reads it and lets so many instances decide at once.
func (m *core[C]) start(atOnce int) (*consumer.Runner, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	categories := m.categories()
	if len(categories) == 0 {
		return nil, fmt.Errorf("process %q: %w: it reacts to nothing, call processmanager.On first",
			m.name, eventstore.ErrInvalid)
	}
	m.started = true
	return consumer.New(consumer.Config{
		ID: m.consumer(),
		Definition: eventstore.Definition{
			Kind: "process manager", Categories: categories, Partitions: m.options.Partitions,
		},
		Store:    m.store,
		Keeper:   m.agenda,
		Parking:  m.agenda,
		Filter:   eventstore.Filter{Categories: categories},
		Sequence: m.sequence,
		Handle: func(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
			return m.handle(ctx, move, events, atOnce)
		},
		Policy:   consumer.Park,
		Unrouted: m.options.Unrouted.of(),
		Retry:    m.options.retry(),
		Lease:    m.options.Lease,
		Logger:   m.options.Logger,
	}), nil
}

// categories returns those that any version of the process listens to, sorted.
func (m *core[C]) categories() []string {
	all := make(map[string]bool)
	for _, d := range m.definitions {
		for category := range d.families {
			all[category] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
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
