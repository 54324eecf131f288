package processmanager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// arrival is an event that has come for an instance, with what each version of the process does with it.
type arrival[C any] struct {
	event eventstore.RecordedEvent
	key   string
	by    map[int]routed[C]
}

// arrive returns which instance an event is for, with an empty key where it is for none.
func (m *core[C]) arrive(event eventstore.RecordedEvent) (arrival[C], error) {
	a := arrival[C]{event: event, by: make(map[int]routed[C])}
	for _, version := range slices.Sorted(maps.Keys(m.definitions)) {
		to, found, err := m.definitions[version].route(event)
		switch {
		case err != nil:
			return arrival[C]{}, fmt.Errorf("process %q: route event: %w", m.name, err)
		case !found:
			continue
		case a.key != "" && a.key != to.key:
			return arrival[C]{}, fmt.Errorf("process %q: route event: version %d of the process routes it to instance %q, "+
				"an older one to %q: they must agree", m.name, version, to.key, a.key)
		}
		a.key = to.key
		a.by[version] = to
	}
	if a.key == "" {
		return a, nil
	}
	if err := m.stream(a.key).Validate(); err != nil {
		return arrival[C]{}, fmt.Errorf("process %q: route event: to instance %q: %w", m.name, a.key, err)
	}
	return a, nil
}

// sequence says in which order events are handled: those of one instance, in that of their positions. It is the zero
// StreamID for an event that is for none.
func (m *core[C]) sequence(event eventstore.RecordedEvent) (eventstore.StreamID, error) {
	a, err := m.arrive(event)
	if err != nil || a.key == "" {
		return eventstore.StreamID{}, err
	}
	return m.stream(a.key), nil
}

// handle lets the instances decide on events, and then makes the move with what they have to do. A part of the decisions
// may be made when it fails: the events come again, and find themselves decided on.
func (m *core[C]) handle(
	ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent, atOnce int,
) error {
	byInstance, keys, err := m.group(events)
	if err != nil {
		return err
	}
	entries := make([]eventstore.Entry, len(keys))
	errs := make([]error, len(keys))
	each(len(keys), atOnce, func(n int) {
		entries[n], errs[n] = m.react(ctx, keys[n], byInstance[keys[n]])
	})
	if err := errors.Join(errs...); err != nil {
		return blame(err)
	}
	entries = slices.DeleteFunc(entries, func(e eventstore.Entry) bool { return e.Version == 0 }) // nothing was recorded
	if err := m.agenda.Plan(ctx, move, entries); err != nil {
		return blame(fmt.Errorf("process %q: plan what its instances have to do: %w", m.name, err))
	}
	m.wake()
	return nil
}

// group sorts events by their instances, whose keys are in the order of their first events.
func (m *core[C]) group(events []eventstore.RecordedEvent) (
	byInstance map[string][]arrival[C], keys []string, err error,
) {
	byInstance = make(map[string][]arrival[C])
	for _, event := range events {
		a, err := m.arrive(event)
		switch {
		case err != nil:
			return nil, nil, consumer.Permanent(err)
		case a.key == "":
			continue
		case byInstance[a.key] == nil:
			keys = append(keys, a.key)
		}
		byInstance[a.key] = append(byInstance[a.key], a)
	}
	return byInstance, keys, nil
}

// each calls do with each number below n, so many at once, and returns when all have returned.
func each(n, atOnce int, do func(n int)) {
	var working sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for n := range n {
		free <- struct{}{}
		working.Go(func() {
			defer func() { <-free }()
			do(n)
		})
	}
	working.Wait()
}

// wake lets the dispatchers look for what there is to do.
func (m *core[C]) wake() {
	for _, planned := range m.planned {
		select {
		case planned <- struct{}{}:
		default: // it will look
		}
	}
}

// react lets an instance decide on the events that have come for it, in one append.
func (m *core[C]) react(ctx context.Context, key string, arrivals []arrival[C]) (eventstore.Entry, error) {
	i, err := m.open(ctx, key, arrivals[0])
	if err != nil {
		return eventstore.Entry{}, err
	}
	err = m.update(ctx, i, func(d *draft) error {
		for _, a := range arrivals {
			if err := m.take(ctx, d, a); err != nil {
				return err
			}
		}
		return nil
	})
	return i.entry(m.consumer().Name), err
}

// open returns an instance to decide on an event. It may be out of date where it has started, and where it is taken to
// be new since the event starts it: then it has something to append, which fails.
func (m *core[C]) open(ctx context.Context, key string, first arrival[C]) (*instance, error) {
	if i := m.recent.recall(key, 1); i != nil {
		return i, nil
	}
	if first.by[m.options.Version].mode == starting {
		return &instance{stream: m.stream(key)}, nil
	}
	return m.load(ctx, key)
}

// take lets a draft decide on an event, unless it has already. Its errors are those of the event, which trying again
// does not cure, unless they say otherwise.
func (m *core[C]) take(ctx context.Context, d *draft, a arrival[C]) error {
	event := eventInputOf(a.event)
	switch {
	case event.Position <= d.Through:
		return nil
	case d.isOver():
		return d.add(ignoredRecord{Event: event, Why: "the instance has come to its end"}, eventstore.CausedBy(a.event))
	case !d.hasStarted():
		return m.takeFirst(ctx, d, a)
	}
	by, err := m.prepare(d, eventstore.CausedBy(a.event))
	if err != nil {
		return hopeless(err)
	}
	to, routed := a.by[by.version]
	switch {
	case !routed: // only another version of the process listens to it
		return nil
	case to.mode == starting:
		return d.add(ignoredRecord{Event: event, Why: "the instance has started already"}, eventstore.CausedBy(a.event))
	}
	return hopeless(m.decide(d, by, input{Event: &event}, to.react, eventstore.CausedBy(a.event)))
}

// takeFirst is take for an instance that has not started. Only the present version of the process starts instances.
func (m *core[C]) takeFirst(ctx context.Context, d *draft, a arrival[C]) error {
	event := eventInputOf(a.event)
	to := a.by[m.options.Version]
	switch {
	case to.mode == starting || to.mode == startingOrContinuing:
		by := m.definitions[m.options.Version]
		if err := m.decide(d, by, input{Event: &event}, to.react, eventstore.CausedBy(a.event)); err != nil {
			return hopeless(err)
		}
		return m.takeKept(ctx, d, a.event)
	case to.missing == missingKept:
		until := a.event.RecordedAt.Add(to.limit).UTC()
		return d.add(keptRecord{Event: event, Until: until}, eventstore.CausedBy(a.event))
	case to.missing == missingFails:
		return hopeless(fmt.Errorf("process %q: instance %q has not started", m.name, a.key))
	}
	return nil
}

// takeKept lets a draft that has just started decide on the events that have waited for that.
func (m *core[C]) takeKept(ctx context.Context, d *draft, start eventstore.RecordedEvent) error {
	for _, kept := range d.Kept {
		if kept.Until.Before(start.RecordedAt) {
			if err := d.add(expired(kept), kept.Metadata); err != nil {
				return err
			}
			continue
		}
		event, err := m.find(ctx, kept.Event)
		if err != nil {
			return err
		}
		a, err := m.arrive(event)
		if err != nil {
			return hopeless(err)
		}
		to, found := a.by[d.Definition]
		switch {
		case d.isOver(), !found, a.key != d.stream.Key:
			err = d.add(ignoredRecord{Event: kept.Event, Why: "the instance did not want it when it had started"},
				eventstore.CausedBy(event))
		default:
			by, causes := m.definitions[d.Definition], eventstore.CausedBy(event)
			err = hopeless(m.decide(d, by, input{Event: &kept.Event}, to.react, causes))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func expired(kept waiting) ignoredRecord {
	return ignoredRecord{Event: kept.Event, Why: "the instance had not started when the event was given up"}
}

// find reads an event from the stream it is in.
func (m *core[C]) find(ctx context.Context, event eventInput) (eventstore.RecordedEvent, error) {
	options := eventstore.ReadOptions{From: event.Version, Limit: 1}
	for found, err := range m.store.ReadStream(ctx, event.stream(), options) {
		if err != nil {
			return eventstore.RecordedEvent{}, fmt.Errorf("process %q: read an event that was kept: %w", m.name, err)
		}
		return found, nil
	}
	return eventstore.RecordedEvent{}, fmt.Errorf("process %q: event %d of stream %q is gone",
		m.name, event.Version, event.stream())
}

// hopeless marks an error as one that trying again does not cure, unless it is of this process.
func hopeless(err error) error {
	if err == nil || errors.Is(err, errNewer) {
		return err
	}
	return consumer.Permanent(err)
}

// blame says of an error whether it is that of an event, which is then parked. What store and agenda return is not, but
// for what they refuse to take.
func blame(err error) error {
	switch {
	case consumer.IsPermanent(err):
		return err
	case errors.Is(err, eventstore.ErrInvalid):
		return consumer.Permanent(err)
	default:
		return consumer.NotHere(err)
	}
}
