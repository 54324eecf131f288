package processmanager

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// start fixes what the manager reacts to, and returns what reads it.
func (m *Manager[S, C]) start() (*consumer.Runner, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.families) == 0 {
		return nil, fmt.Errorf("process %q: %w: it reacts to nothing, call processmanager.On first",
			m.name, eventstore.ErrInvalid)
	}
	m.started = true
	categories := slices.Sorted(maps.Keys(m.families))
	return consumer.New(consumer.Config{
		ID:         m.Consumer(),
		Definition: eventstore.Definition{Kind: "process manager", Categories: categories, Partitions: 1},
		Store:      m.history.store,
		Keeper:     m.agenda,
		Filter:     eventstore.Filter{Categories: categories},
		Handle:     m.handle,
		Retry:      m.options.retry(),
		Logger:     m.options.Logger,
	}), nil
}

// handle decides on events and then plans the tasks of all instances that they are for and that have commands to
// dispatch. An instance may have decided on them already: then a crash has come between the decision and the plan.
func (m *Manager[S, C]) handle(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
	touched := make(map[string]*instance)
	for _, event := range events {
		if err := m.react(ctx, event, touched); err != nil {
			return err
		}
	}
	tasks := make(map[string]eventstore.Version)
	for key, i := range touched {
		if i.next() != nil {
			tasks[key] = i.version
		}
	}
	if err := m.agenda.Plan(ctx, move, tasks); err != nil {
		return fmt.Errorf("process %q: plan the dispatch of commands: %w", m.name, err)
	}
	if len(tasks) > 0 {
		m.wake()
	}
	return nil
}

// react has an event decided on by each instance it is for. Instances are loaded once and kept in touched.
func (m *Manager[S, C]) react(
	ctx context.Context, event eventstore.RecordedEvent, touched map[string]*instance,
) error {
	reactions, err := m.route(event)
	if err != nil {
		return err
	}
	for _, r := range reactions {
		i, loaded := touched[r.instance]
		if !loaded {
			if i, err = m.history.load(ctx, r.instance); err != nil {
				return err
			}
			touched[r.instance] = i
		}
		if err := m.decideOnce(ctx, i, event, r); err != nil {
			return err
		}
	}
	return nil
}

// decideOnce records what the instance decides on an event, unless it has done so already or is complete.
func (m *Manager[S, C]) decideOnce(
	ctx context.Context, i *instance, event eventstore.RecordedEvent, r reaction[S, C],
) error {
	in := inputOf(event)
	return m.history.update(ctx, i, func(i *instance) ([]eventstore.EventData, error) {
		if !i.wants(in) {
			return nil, nil
		}
		record, err := m.decide(in, r, i.state)
		if err != nil {
			return nil, err
		}
		stored, err := encodeRecord(typeDecided, record, causedBy(event))
		return []eventstore.EventData{stored}, err
	})
}

// causedBy returns the metadata of what an event causes.
func causedBy(event eventstore.RecordedEvent) eventstore.Metadata {
	return eventstore.Metadata{
		CorrelationID: cmp.Or(event.Metadata.CorrelationID, event.ID.String()),
		CausationID:   event.ID.String(),
		TraceParent:   event.Metadata.TraceParent,
	}
}

// wake tells the dispatcher that there is something to do.
func (m *Manager[S, C]) wake() {
	select {
	case m.planned <- struct{}{}:
	default:
	}
}
