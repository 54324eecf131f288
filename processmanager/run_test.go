package processmanager_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// TestAReactionThatPanicsParksItsInstance is M4 for an event: that instance waits, with whatever comes for it later, and
// no other.
func TestAReactionThatPanicsParksItsInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		broken := true
		m := processmanager.New[Shipping]("shipping", p.store, p.agenda, commands, p.receive, options())
		processmanager.On(m, orderEvents, routeOrder,
			func(s Shipping, e eventstore.Envelope[OrderEvent]) (Shipping, effects) {
				if broken && e.Stream.Key == "bad" {
					panic("no such order")
				}
				return reactToOrder(s, e)
			})
		p.append("1", Placed{Amount: 10})
		p.append("bad", Placed{Amount: 10})
		p.append("2", Placed{Amount: 10})
		p.append("bad", Placed{Amount: 20})
		start(t, m)

		p.await(func() bool { return p.settled(m, "1", 3) && p.settled(m, "2", 3) })
		synctest.Wait()
		require.Empty(t, p.stream("$pm.shipping", "bad"))
		parked, err := m.Parked(t.Context())
		require.NoError(t, err)
		require.Len(t, parked, 1)
		require.Equal(t, "bad", parked[0].Instance)
		require.Equal(t, "order.placed", parked[0].Type)
		require.Contains(t, parked[0].Reason, `process "shipping", instance "bad": decide: panic: no such order`)
		require.Contains(t, parked[0].Reason, "run_test.go", "the stack")

		require.NoError(t, m.Retry(t.Context(), "bad"))
		p.awaitParked(m, func(parked []processmanager.Parked) bool { return len(parked) == 1 && parked[0].Attempts == 1 })

		broken = false
		require.NoError(t, m.Retry(t.Context(), "bad"))
		p.await(func() bool { return p.settled(m, "bad", 5) })
		p.awaitParked(m, func(parked []processmanager.Parked) bool { return len(parked) == 0 })
		require.ErrorIs(t, m.Retry(t.Context(), "bad"), eventstore.ErrNotParked)
	})
}

func TestRunReturnsWhatIsHopeless(t *testing.T) {
	p := newPlace(t)
	m := p.manager()
	nothing := processmanager.New[int]("idle", p.store, p.agenda, commands, p.receive, options())
	require.ErrorIs(t, processmanager.Run(t.Context(), m, nothing), eventstore.ErrInvalid, "a manager without On")
	require.ErrorIs(t, nothing.CatchUp(t.Context()), eventstore.ErrInvalid)

	require.NoError(t, p.agenda.Define(t.Context(), m.Consumer(), eventstore.Definition{Partitions: 1}))
	checkpoints, err := p.agenda.Checkpoints(t.Context(), m.Consumer())
	require.NoError(t, err)
	beyond := eventstore.Move{Consumer: m.Consumer(), Epoch: checkpoints[0].Epoch, To: 1000}
	require.NoError(t, p.agenda.Plan(t.Context(), beyond, nil))
	require.ErrorIs(t, processmanager.Run(t.Context(), m), eventstore.ErrBeyondHead)
	require.ErrorIs(t, m.CatchUp(t.Context()), eventstore.ErrBeyondHead)

	require.NoError(t, p.store.Close(t.Context()))
	require.ErrorIs(t, processmanager.Run(t.Context(), m), eventstore.ErrClosed)
}

func TestCatchUpNamesWhatFailed(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: 10})
	m := p.managerWith(p.store, p.agenda, func(context.Context, command) error { return errDown })
	err := m.CatchUp(t.Context())
	require.ErrorIs(t, err, errDown)
	instance, lookErr := m.Instance(t.Context(), "1")
	require.NoError(t, lookErr)
	require.ErrorContains(t, err, `process "shipping", instance "1": dispatch command `+
		instance.Commands[0].ID.String()+` ("shipping.reserve"), attempt 1: `)
}

// TestCatchUpWaitsForOthers is a task that another process has in hand.
func TestCatchUpWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.append("1", Placed{Amount: 10})
		killed := &killer{at: 12}
		require.ErrorIs(t, p.mortal(killed).CatchUp(t.Context()), errKilled)
		m := p.manager()
		require.True(t, p.pending(m)[0].CommandsDueAt.After(time.Now()), "the killed process has the lease")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, m.CatchUp(ctx), context.DeadlineExceeded)

		require.NoError(t, m.CatchUp(t.Context()))
		p.requireFulfilled("1")
	})
}

func TestCatchUpStopsBetweenCommands(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: 10})
	ctx, cancel := context.WithCancel(t.Context())
	m := p.managerWith(p.store, p.agenda, func(ctx context.Context, c command) error {
		cancel()
		return p.receive(ctx, c)
	})
	require.ErrorIs(t, m.CatchUp(ctx), context.Canceled)
	p.requireRecords("1", map[string]int{"decided": 1, "dispatched": 1})
	require.NoError(t, p.manager().CatchUp(t.Context()))
	p.requireFulfilled("1")
}

func TestRunOfNothing(t *testing.T) {
	require.NoError(t, processmanager.Run(t.Context()))
}

// TestCatchUpBesideRun looks for races between the two.
func TestCatchUpBesideRun(t *testing.T) {
	p := newPlace(t)
	start(t, p.manager())
	for _, key := range []string{"1", "2", "3", "4", "5"} {
		p.append(key, Placed{Amount: 10})
		require.NoError(t, p.manager().CatchUp(t.Context()))
	}
	m := p.manager()
	for _, key := range []string{"1", "2", "3", "4", "5"} {
		p.await(func() bool { return p.settled(m, key, 3) })
		p.requireFulfilled(key)
	}
}
