package processmanager_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// TestADispatchThatOutlivesItsLeaseChangesNothing lets another process take over, dispatch the same command and go on,
// before the first one comes back with its own outcome.
func TestADispatchThatOutlivesItsLeaseChangesNothing(t *testing.T) {
	for name, outcome := range map[string]error{
		"dispatched too": nil,
		"refused now":    processmanager.Refuse(errDeclined),
		"failed now":     errDown,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.append("1", Placed{Amount: 10})
			overtaken := false
			m := p.managerWith(p.store, p.agenda, func(context.Context, command) error {
				require.False(t, overtaken, "nothing is left to dispatch")
				overtaken = true
				p.passLeases()
				require.NoError(t, p.manager().CatchUp(t.Context()))
				return outcome
			})
			if err := m.CatchUp(t.Context()); err != nil {
				require.ErrorIs(t, outcome, errDown)
				require.ErrorIs(t, err, errDown)
			}
			p.requireFulfilled("1")
			require.NoError(t, m.CatchUp(t.Context())) // finds that what the late one has left behind is nothing
			p.requireQuiet(m)
		})
	}
}

// TestCommandsPlannedAsTheTaskEndsAreNotLost has a decision come between the last look at an instance and the end of its
// task. The manager would poll only in an hour.
func TestCommandsPlannedAsTheTaskEndsAreNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		agenda := &lateEvent{Agenda: p.agenda, planned: make(chan struct{}, 10)}
		agenda.arrive = func() { p.append("1", Paid{}) }
		opts := options()
		opts.PollInterval = time.Hour
		m := newShipping(p.store, agenda, func(context.Context, command) error { return nil }, opts)
		p.append("1", Placed{Amount: 10})
		begin := time.Now()
		start(t, m)
		p.await(func() bool { return p.settled(m, "1", 3) })
		require.Equal(t, begin, time.Now())
	})
}

// lateEvent is an agenda that has an event arrive, and waits for what is planned on its account, before the first task
// is done.
type lateEvent struct {
	eventstore.Agenda
	arrive  func()
	once    sync.Once
	planned chan struct{}
}

func (a *lateEvent) Plan(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
	err := a.Agenda.Plan(ctx, move, entries)
	if len(entries) > 0 {
		a.planned <- struct{}{}
	}
	return err
}

func (a *lateEvent) Release(ctx context.Context, releases ...eventstore.Release) error {
	a.once.Do(func() {
		<-a.planned
		a.arrive()
		<-a.planned
	})
	return a.Agenda.Release(ctx, releases...)
}
