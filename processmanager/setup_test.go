package processmanager_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/processmanager"
)

// place is where processes of a test run: what outlives them.
type place struct {
	t      *testing.T
	store  eventstore.Store
	agenda eventstore.Agenda
	// passLeases makes due what a process that was killed had in hand.
	passLeases func()
	// byHand says that the test writes records by hand, which have no causes.
	byHand bool
}

func newPlace(t *testing.T) *place {
	t.Helper()
	store := memstore.New(nil)
	t.Cleanup(func() { require.NoError(t, store.Close(context.Background())) })
	var later atomic.Int64
	agenda := memstore.NewTarget(&memstore.TargetOptions{
		Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) },
	})
	p := &place{t: t, store: store, agenda: agenda, passLeases: func() { later.Add(int64(time.Hour)) }}
	t.Cleanup(p.requireWalkable)
	return p
}

// options do not wait long, and do not log.
func options() *processmanager.Options {
	return &processmanager.Options{
		PollInterval: time.Millisecond,
		MinBackoff:   time.Millisecond,
		MaxBackoff:   10 * time.Millisecond,
		Logger:       slog.New(slog.DiscardHandler),
	}
}

// manager returns a manager as a new process makes it, with receivers that work.
func (p *place) manager() *manager {
	return p.managerWith(p.store, p.agenda, p.receive)
}

func (p *place) managerWith(store eventstore.Store, agenda eventstore.Agenda, dispatch dispatch) *manager {
	m := newShipping(store, agenda, dispatch, options())
	processmanager.OnRefused(m, reactToRefusal)
	return m
}

// reacting returns the manager of a process that does with the events of orders what a test wants.
func (p *place) reacting(opts *processmanager.Options, route route, react reaction) *manager {
	m := processmanager.New[Shipping]("shipping", p.store, p.agenda, commands, p.receive, opts)
	processmanager.On(m, orderEvents, route, react)
	return m
}

// receive carries out a command, once for each ID: the warehouse notes it in its own stream, and a charge makes the
// order paid.
func (p *place) receive(ctx context.Context, c command) error {
	stream, event := eventstore.StreamID{Category: "warehouse", Key: c.Instance}, eventstore.EventData{
		ID: c.ID, Type: strings.ToLower(fmt.Sprintf("%T", c.Command)), Data: []byte("{}"),
	}
	if charge, isCharge := c.Command.(Charge); isCharge {
		if charge.Amount >= tooMuch {
			return processmanager.Refuse(errDeclined)
		}
		stream.Category, event.Type = "order", "order.paid"
	}
	_, err := p.store.Append(ctx, eventstore.Write{
		Stream: stream, Expected: eventstore.AnyVersion, Events: []eventstore.EventData{event},
	})
	return err
}

// append adds events to an order.
func (p *place) append(key string, events ...OrderEvent) {
	p.t.Helper()
	write := eventstore.Write{
		Stream: eventstore.StreamID{Category: "order", Key: key}, Expected: eventstore.AnyVersion,
	}
	for _, event := range events {
		data, err := orderEvents.Encode(event)
		require.NoError(p.t, err)
		data.ID = uuid.New()
		write.Events = append(write.Events, data)
	}
	_, err := p.store.Append(p.t.Context(), write)
	require.NoError(p.t, err)
}

// stream returns the events of a stream.
func (p *place) stream(category, key string) []eventstore.RecordedEvent {
	p.t.Helper()
	var events []eventstore.RecordedEvent
	id := eventstore.StreamID{Category: category, Key: key}
	for event, err := range p.store.ReadStream(p.t.Context(), id, eventstore.ReadOptions{}) {
		require.NoError(p.t, err)
		events = append(events, event)
	}
	return events
}

// types returns the types of the events in a stream, without what their names have in common.
func (p *place) types(category, key string) []string {
	p.t.Helper()
	var types []string
	for _, event := range p.stream(category, key) {
		_, name, _ := strings.Cut(event.Type, ".")
		types = append(types, name)
	}
	return types
}

// requireFulfilled holds what must be true in the end of an order that was placed, whatever has happened meanwhile.
func (p *place) requireFulfilled(key string) {
	p.t.Helper()
	require.Equal(p.t, []string{"reserve", "ship"}, p.types("warehouse", key), "each command reached its receiver once")
	require.Equal(p.t, []string{"placed", "paid"}, p.types("order", key), "each command reached its aggregate once")
	p.requireRecords(key, map[string]int{"decided": 2, "dispatched": 3})
}

// requireReleased is requireFulfilled for an order that could not be charged.
func (p *place) requireReleased(key string) {
	p.t.Helper()
	require.Equal(p.t, []string{"reserve", "release"}, p.types("warehouse", key), "each command reached its receiver once")
	require.Equal(p.t, []string{"placed"}, p.types("order", key))
	p.requireRecords(key, map[string]int{"decided": 2, "dispatched": 2, "refused": 1})
}

func (p *place) requireRecords(key string, want map[string]int) {
	p.t.Helper()
	got := make(map[string]int)
	for _, event := range p.stream("$pm.shipping", key) {
		got[strings.TrimPrefix(event.Type, "$pm.")]++
	}
	require.Equal(p.t, want, got, "records of instance %q", key)
}

// requireQuiet holds that no command is left.
func (p *place) requireQuiet(m *manager) {
	p.t.Helper()
	require.Empty(p.t, p.pending(m))
}

// pending returns the entries of the instances that have commands to dispatch.
func (p *place) pending(m *manager) []eventstore.Entry {
	p.t.Helper()
	entries, err := m.Entries(p.t.Context(), eventstore.EntryQuery{Pending: true})
	require.NoError(p.t, err)
	return entries
}

// entries returns all that the agenda has.
func (p *place) entries(m *manager) []eventstore.Entry {
	p.t.Helper()
	entries, err := m.Entries(p.t.Context(), eventstore.EntryQuery{})
	require.NoError(p.t, err)
	return entries
}

// start runs managers until the test ends, and fails the test if they do not stop cleanly. It returns what stops them
// earlier.
func start(t *testing.T, managers ...processmanager.Runner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- processmanager.Run(ctx, managers...) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

// await waits until the instances' streams are as the condition wants them.
func (p *place) await(condition func() bool) {
	p.t.Helper()
	records := eventstore.Filter{Categories: []string{"$pm.shipping"}}
	for _, err := range p.store.Subscribe(p.t.Context(), 0, records) {
		require.NoError(p.t, err)
		if condition() {
			return
		}
	}
}

// parked returns what is parked.
func (p *place) parked(m *manager) []processmanager.Parked {
	p.t.Helper()
	parked, err := m.Parked(p.t.Context())
	require.NoError(p.t, err)
	return parked
}

// awaitParked waits until what is parked is as the condition wants it.
func (p *place) awaitParked(m *manager, condition func([]processmanager.Parked) bool) {
	p.t.Helper()
	p.eventually(func() bool {
		parked, err := m.Parked(p.t.Context())
		return err == nil && condition(parked)
	})
}

// eventually waits for what no record in a stream tells.
func (p *place) eventually(condition func() bool) {
	p.t.Helper()
	require.Eventually(p.t, condition, time.Minute, time.Millisecond)
}

// summary counts what the agenda has.
func (p *place) summary() eventstore.AgendaSummary {
	p.t.Helper()
	summary, err := p.agenda.Summary(p.t.Context(), "$pm.shipping")
	require.NoError(p.t, err)
	return summary
}

// settled reports whether the instance has so many commands, and all are settled.
func (p *place) settled(m *manager, key string, commands int) bool {
	p.t.Helper()
	instance, err := m.Instance(p.t.Context(), key)
	require.NoError(p.t, err)
	return len(instance.Commands) == commands &&
		!slices.ContainsFunc(instance.Commands, func(c processmanager.Sent[Command]) bool {
			return c.Outcome == processmanager.OutcomePending
		})
}
