package processmanager_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// Parcel is the state of the second version of the process.
type Parcel struct{ Log string }

// secondVersion reacts to each event by noting it in capitals.
func secondVersion(p *place) *processmanager.Manager[Parcel, Command] {
	opts := options()
	opts.Version = 2
	m := processmanager.New[Parcel]("shipping", p.store, p.agenda, commands, p.receive, opts)
	processmanager.On(m, orderEvents, routeOrder,
		func(s Parcel, e eventstore.Envelope[OrderEvent]) (Parcel, effects) {
			s.Log += strings.ToUpper(fmt.Sprintf("%T ", e.Event))
			return s, effects{}
		})
	return m
}

func firstVersionStarted(t *testing.T) *place {
	t.Helper()
	p := newPlace(t)
	p.append("old", Placed{Amount: tooMuch})
	m := newShipping(p.store, p.agenda, p.receive, options())
	require.NoError(t, m.CatchUp(t.Context()))
	p.append("old", Paid{})
	p.append("new", Paid{})
	return p
}

// TestInstancesFinishByTheVersionByWhichTheyHaveStarted is a program that knows both versions.
func TestInstancesFinishByTheVersionByWhichTheyHaveStarted(t *testing.T) {
	p := firstVersionStarted(t)
	m := secondVersion(p)
	former := processmanager.Former[Shipping](m, 1)
	processmanager.On(former, orderEvents, routeOrder, reactToOrder)
	processmanager.OnRefused(former, reactToRefusal)
	require.NoError(t, m.CatchUp(t.Context()))

	old, err := m.Instance(t.Context(), "old")
	require.NoError(t, err)
	require.Equal(t, 1, old.Definition)
	require.Equal(t, processmanager.StatusCompleted, old.Status)
	require.Contains(t, string(old.RawState), `"Steps":["placed","paid"]`)
	young, err := m.Instance(t.Context(), "new")
	require.NoError(t, err)
	require.Equal(t, 2, young.Definition)
	require.Equal(t, "PROCESSMANAGER_TEST.PAID ", young.State.Log)
}

// TestInstancesAreMigrated is a program that knows the new version only.
func TestInstancesAreMigrated(t *testing.T) {
	p := firstVersionStarted(t)
	m := secondVersion(p)
	processmanager.Migrate(m, 1, func(old Shipping) (Parcel, error) {
		return Parcel{Log: strings.Join(old.Steps, " ") + " "}, nil
	})
	shown, err := m.Instance(t.Context(), "old")
	require.NoError(t, err)
	require.Equal(t, 1, shown.Definition)
	require.Equal(t, "placed ", shown.State.Log, "it is shown as it will be")
	require.NoError(t, m.CatchUp(t.Context()))

	old, err := m.Instance(t.Context(), "old")
	require.NoError(t, err)
	require.Equal(t, 2, old.Definition)
	require.Equal(t, "placed PROCESSMANAGER_TEST.PAID ", old.State.Log)
	var records []string
	for step, err := range m.History(t.Context(), "old") {
		require.NoError(t, err)
		records = append(records, step.Record)
	}
	require.Equal(t, []string{"decided", "dispatched", "refused", "migrated", "decided"}, records)
}

// TestAVersionThatIsGoneParks keeps a program that knows only the new version from guessing.
func TestAVersionThatIsGoneParks(t *testing.T) {
	for name, define := range map[string]func(m *processmanager.Manager[Parcel, Command]){
		"unknown": func(*processmanager.Manager[Parcel, Command]) {},
		"cannot be migrated": func(m *processmanager.Manager[Parcel, Command]) {
			processmanager.Migrate(m, 1, func(Shipping) (Parcel, error) { return Parcel{}, errors.New("no") })
		},
		"panics": func(m *processmanager.Manager[Parcel, Command]) {
			processmanager.Migrate(m, 1, func(Shipping) (Parcel, error) { panic("no") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := firstVersionStarted(t)
			m := secondVersion(p)
			define(m)
			require.NoError(t, m.CatchUp(t.Context()))
			parked, err := m.Parked(t.Context())
			require.NoError(t, err)
			require.Len(t, parked, 1)
			require.Equal(t, "old", parked[0].Instance)
			require.Contains(t, parked[0].Reason, "version 1 of the process")
		})
	}
}

// TestAnOlderProgramWaitsForTheNewer is a deployment in which both run for a while.
func TestAnOlderProgramWaitsForTheNewer(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: 10})
	require.NoError(t, secondVersion(p).CatchUp(t.Context()))
	p.append("1", Paid{})
	older := newShipping(p.store, p.agenda, p.receive, options())
	require.ErrorContains(t, older.CatchUp(t.Context()), "a newer version of this program has started it")
	parked, err := older.Parked(t.Context())
	require.NoError(t, err)
	require.Empty(t, parked)
	require.NoError(t, secondVersion(p).CatchUp(t.Context()))
}

// TestAnOlderProgramLeavesARefusalToTheNewer can dispatch what the newer has decided, but not react to the answer.
func TestAnOlderProgramLeavesARefusalToTheNewer(t *testing.T) {
	p := newPlace(t)
	define := func(version int, dispatch dispatch) *manager {
		opts := options()
		opts.Version, opts.Attempts = version, 1
		m := newShipping(p.store, p.agenda, dispatch, opts)
		processmanager.OnRefused(m, reactToRefusal)
		return m
	}
	newer, older := define(2, p.receive), define(1, p.receive)
	canceled, cancel := context.WithCancel(t.Context())
	decides := define(2, func(ctx context.Context, c command) error {
		cancel()
		return p.receive(ctx, c)
	})
	p.append("1", Placed{Amount: tooMuch})
	require.ErrorIs(t, decides.CatchUp(canceled), context.Canceled)
	p.requireRecords("1", map[string]int{"decided": 1, "dispatched": 1})

	require.ErrorContains(t, older.CatchUp(t.Context()), "a newer version of this program has started it")
	require.Empty(t, p.parked(older))
	require.Zero(t, p.pending(older)[0].Attempts)
	require.NoError(t, newer.CatchUp(t.Context()))
	p.requireReleased("1")
}

func TestFormerPanicsForAMistakeInTheProgram(t *testing.T) {
	p := newPlace(t)
	m := secondVersion(p)
	require.Panics(t, func() { processmanager.Former[Shipping](m, 0) })
	require.Panics(t, func() { processmanager.Former[Shipping](m, 2) })
	processmanager.Former[Shipping](m, 1)
	require.Panics(t, func() { processmanager.Former[Shipping](m, 1) })
	require.Panics(t, func() { processmanager.Migrate(m, 1, func(Shipping) (Parcel, error) { return Parcel{}, nil }) })
	require.Panics(t, func() { processmanager.Migrate[Parcel, Shipping](secondVersion(p), 1, nil) })
}
