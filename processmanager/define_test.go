package processmanager_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

func TestNewPanicsForAMistakeInTheProgram(t *testing.T) {
	build := func(name string, dispatch dispatch, opts *processmanager.Options) func() {
		return func() { processmanager.New[int](name, nil, nil, commands, dispatch, opts) }
	}
	drop := func(context.Context, command) error { return nil }
	for _, bad := range []string{"", "a-b", "a\x00", "\xff", strings.Repeat("x", 253)} {
		require.Panics(t, build(bad, drop, nil), "name %q", bad)
	}
	require.NotPanics(t, build(strings.Repeat("x", 252), drop, nil))
	require.Panics(t, build("name", nil, nil), "no dispatch")
	require.Panics(t, func() { processmanager.New[int, Command]("name", nil, nil, nil, drop, nil) }, "no codec")
	for _, bad := range []processmanager.Options{
		{Concurrency: -1},
		{Attempts: -1},
		{DispatchTimeout: -1},
		{PollInterval: -1},
		{DispatchLease: time.Second},
		{DispatchLease: time.Second, DispatchTimeout: time.Second},
		{Lease: -1},
		{Partitions: -1},
		{Partitions: eventstore.MaxPartitions + 1},
		{Version: -1},
		{Unrouted: 7},
		{MinBackoff: -1},
		{MinBackoff: time.Minute, MaxBackoff: time.Second},
	} {
		require.Panics(t, build("name", drop, &bad), "options %+v", bad)
	}
	require.NotPanics(t, build("name", drop, &processmanager.Options{MinBackoff: time.Hour, DispatchTimeout: time.Hour}))
}

func TestOnPanicsForAMistakeInTheProgram(t *testing.T) {
	p := newPlace(t)
	m := p.manager()
	react := func(s Shipping, _ eventstore.Envelope[OrderEvent]) (Shipping, effects) { return s, effects{} }
	on := func(codec eventstore.Codec[OrderEvent]) func() {
		return func() { processmanager.On(m, codec, processmanager.ByStream, react) }
	}
	require.PanicsWithValue(t, `processmanager.On: process "shipping": it reacts to category "order" twice`, on(orderEvents))
	require.Panics(t, on(labeled{orderEvents, "a-b"}))
	require.Panics(t, func() { processmanager.On(m, labeled{orderEvents, "other"}, nil, react) })
	require.Panics(t, func() { processmanager.OnRefused(m, reactToRefusal) }, "twice")

	require.NoError(t, m.CatchUp(t.Context()))
	require.PanicsWithValue(t, `processmanager.On: process "shipping" was started already`,
		on(labeled{orderEvents, "other"}))
	require.Panics(t, func() { processmanager.OnRefused(m, reactToRefusal) })
}

// labeled is a codec with another category.
type labeled struct {
	eventstore.Codec[OrderEvent]
	category string
}

func (c labeled) Category() string { return c.category }

// splitting is a codec that makes two events of each Placed, and none of each Viewed.
type splitting struct{ eventstore.Codec[OrderEvent] }

func (c splitting) Decode(recorded eventstore.RecordedEvent) ([]OrderEvent, error) {
	events, err := c.Codec.Decode(recorded)
	if err != nil {
		return nil, err
	}
	switch e := events[0].(type) {
	case Placed:
		return []OrderEvent{e, Placed{Amount: e.Amount + 1}}, nil
	case Viewed:
		return nil, nil
	default:
		return events, nil
	}
}

// TestAnEventThatItsCodecSplitsIsOneInput is M1 where the codec makes several events of a stored one.
func TestAnEventThatItsCodecSplitsIsOneInput(t *testing.T) {
	p := newPlace(t)
	m := processmanager.New[Shipping]("shipping", p.store, p.agenda, commands, p.receive, options())
	processmanager.On(m, splitting{orderEvents}, processmanager.ByStream, reactToOrder)
	p.append("1", Viewed{}, Placed{Amount: 10})
	require.NoError(t, m.CatchUp(t.Context()))

	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, []string{"placed", "placed", "paid"}, instance.State.Steps)
	var sent []Command
	for _, c := range instance.Commands {
		sent = append(sent, c.Command)
	}
	require.Equal(t, []Command{
		Reserve{Amount: 10}, Charge{Amount: 10}, Reserve{Amount: 11}, Charge{Amount: 11}, Ship{},
	}, sent)
	decisions := 0
	for _, record := range p.stream("$pm.shipping", "1") {
		if record.Type == "$pm.decided" {
			decisions++
		}
	}
	require.Equal(t, 2, decisions)
}

// TestAnEventIsRoutedInOneWay is a codec that splits an event whose parts are routed apart: nobody can tell what to
// do.
func TestAnEventIsRoutedInOneWay(t *testing.T) {
	for name, c := range map[string]struct {
		first, second processmanager.Route
		said          string
	}{
		"to two instances": {processmanager.Start("x"), processmanager.Start("y"), `to instances "x" and "y"`},
		"in two ways":      {processmanager.Start("x"), processmanager.Continue("x"), "be routed in one way"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			m := processmanager.New[Shipping]("shipping", p.store, p.agenda, commands, p.receive, options())
			processmanager.On(m, splitting{orderEvents}, func(e envelope) processmanager.Route {
				if e.Event.(Placed).Amount == 10 {
					return c.first
				}
				return c.second
			}, reactToOrder)
			p.append("1", Placed{Amount: 10})
			require.ErrorContains(t, m.CatchUp(t.Context()), c.said)
			require.Empty(t, p.stream("$pm.shipping", "x"))
		})
	}
}

func TestSeveralFamilies(t *testing.T) {
	p := newPlace(t)
	m := p.manager()
	type Arrived struct{ Order string }
	deliveries := eventstore.JSON("delivery", map[string]Arrived{"delivery.arrived": {}})
	processmanager.On(m, deliveries, func(e eventstore.Envelope[Arrived]) processmanager.Route {
		return processmanager.StartOrContinue(e.Event.Order)
	},
		func(s Shipping, _ eventstore.Envelope[Arrived]) (Shipping, effects) {
			s.Steps = append(s.Steps, "arrived")
			return s, effects{}
		})
	data, err := deliveries.Encode(Arrived{Order: "1"})
	require.NoError(t, err)
	_, err = p.store.Append(t.Context(), eventstore.Write{
		Stream: eventstore.StreamID{Category: "delivery", Key: "77"}, Events: []eventstore.EventData{data},
	})
	require.NoError(t, err)
	p.append("1", Placed{Amount: tooMuch})
	require.NoError(t, m.CatchUp(t.Context()))
	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, []string{"arrived", "placed", "refused: card was declined"}, instance.State.Steps)
}

func TestUnknownTypesAreErrorsUnlessIgnored(t *testing.T) {
	p := newPlace(t)
	_, err := p.store.Append(t.Context(), eventstore.Write{
		Stream: eventstore.StreamID{Category: "order", Key: "1"},
		Events: []eventstore.EventData{{Type: "order.gone", Data: []byte("{}")}},
	})
	require.NoError(t, err)
	m := p.manager()
	err = m.CatchUp(t.Context())
	require.ErrorIs(t, err, eventstore.ErrUnknownType)
	require.ErrorContains(t, err, `"order.gone"`)

	opts := options()
	opts.IgnoreTypes = []string{"order.gone"}
	require.NoError(t, newShipping(p.store, p.agenda, p.receive, opts).CatchUp(t.Context()))
}

func TestAKeyThatNamesNoStreamIsAnError(t *testing.T) {
	p := newPlace(t)
	m := processmanager.New[int]("shipping", p.store, p.agenda, commands, p.receive, options())
	processmanager.On(m, orderEvents,
		func(eventstore.Envelope[OrderEvent]) processmanager.Route { return processmanager.Start("a\x00b") },
		func(int, eventstore.Envelope[OrderEvent]) (int, effects) { return 0, effects{} })
	p.append("1", Paid{})
	require.ErrorIs(t, m.CatchUp(t.Context()), eventstore.ErrInvalid)
}
