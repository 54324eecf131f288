package processmanager

import (
	"context"
	"maps"

	"github.com/pasttense/pasttense/eventstore"
)

// Surroundings is where a manager works: what is given to [New], but for what the process is.
type Surroundings[C any] struct {
	Store    eventstore.Store
	Agenda   eventstore.Agenda
	Dispatch func(ctx context.Context, c Command[C]) error
	// Options are as for New. Version is not changed, and IgnoreTypes remain those of the manager.
	Options Options
}

// Surroundings returns where the manager works.
func (m *Manager[S, C]) Surroundings() Surroundings[C] {
	return Surroundings[C]{
		Store: m.core.store, Agenda: m.core.agenda, Dispatch: m.core.dispatch, Options: m.core.options,
	}
}

// In returns a manager of the same process that works elsewhere: the same reactions, and others to work with. It is for
// tests, see package processmanagertest. Neither of the two can be told to react to more. In panics as [New] does.
func (m *Manager[S, C]) In(s Surroundings[C]) *Manager[S, C] {
	m.core.mu.Lock()
	defer m.core.mu.Unlock()
	m.core.started = true
	s.Options.Version = m.core.options.Version
	other := New[S](m.core.name, s.Store, s.Agenda, m.core.commands, s.Dispatch, &s.Options)
	other.core.started = true
	other.core.definitions = maps.Clone(m.core.definitions)
	other.core.migrations = maps.Clone(m.core.migrations)
	return other
}
