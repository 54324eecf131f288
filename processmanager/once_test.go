package processmanager_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// TestInputsDeliveredAgainDecideNothingNew is M1: all events come again, as the checkpoint is lost.
func TestInputsDeliveredAgainDecideNothingNew(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: 10})
	p.append("2", Placed{Amount: tooMuch})
	p.append("3", Viewed{})
	require.NoError(t, p.manager().CatchUp(t.Context()))

	p.agenda = memstore.NewTarget(nil)
	require.NoError(t, p.manager().CatchUp(t.Context()))
	p.requireFulfilled("1")
	p.requireReleased("2")
	require.Empty(t, p.stream("$pm.shipping", "3"), "an event that is not for the process leaves nothing")
}

// TestManagersOfOneNameAtOnce is M1 and M2 with several processes that react to the same events and share the commands.
func TestManagersOfOneNameAtOnce(t *testing.T) {
	t.Parallel()
	for name, newPlace := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			managersOfOneNameAtOnce(newPlace(t))
		})
	}
}

func managersOfOneNameAtOnce(p *place) {
	managers := []*manager{p.manager(), p.manager(), p.manager()}
	stop := start(p.t, managers[0], managers[1], managers[2])
	const orders = 40
	for n := range orders {
		p.append(fmt.Sprint(n), Placed{Amount: amount(n)})
	}
	p.await(func() bool {
		for n := range orders {
			if !p.settled(managers[0], fmt.Sprint(n), 3) {
				return false
			}
		}
		return true
	})
	stop()
	for n := range orders {
		if amount(n) < tooMuch {
			p.requireFulfilled(fmt.Sprint(n))
		} else {
			p.requireReleased(fmt.Sprint(n))
		}
	}
}

// amount is one that is refused for every fourth order.
func amount(order int) int {
	if order%4 == 0 {
		return tooMuch
	}
	return 10 + order
}

// doubtful loses the acknowledgement of one append to an instance's stream.
type doubtful struct {
	eventstore.Store
	// at is which of the appends it is.
	at      int
	fate    fate
	appends int
	// late is an append that is under way still.
	late func()
}

// fate is what happens to an append whose acknowledgement is lost.
type fate string

const (
	made     fate = "made"
	notMade  fate = "not made"
	madeLate fate = "made late" // right before the next append
)

func (s *doubtful) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	if !strings.HasPrefix(writes[0].Stream.Category, "$pm.") {
		return s.Store.Append(ctx, writes...)
	}
	if s.late != nil {
		s.late()
		s.late = nil
	}
	s.appends++
	if s.appends != s.at {
		return s.Store.Append(ctx, writes...)
	}
	switch s.fate {
	case made:
		_, _ = s.Store.Append(ctx, writes...)
	case madeLate:
		s.late = func() { _, _ = s.Store.Append(context.WithoutCancel(ctx), writes...) }
	case notMade:
	}
	return eventstore.AppendResult{}, fmt.Errorf("connection lost: %w", eventstore.ErrOutcomeUnknown)
}

// TestLostAcknowledgementsAreResolved is M1 and M2 for each append that a process makes.
func TestLostAcknowledgementsAreResolved(t *testing.T) {
	for _, fate := range []fate{made, notMade, madeLate} {
		for at, doubted := 1, true; doubted; at++ {
			t.Run(fmt.Sprintf("append %d %s", at, fate), func(t *testing.T) {
				p := newPlace(t)
				p.append("1", Placed{Amount: 10})
				p.append("2", Placed{Amount: tooMuch})
				store := &doubtful{Store: p.store, at: at, fate: fate}
				require.NoError(t, p.managerWith(store, p.agenda, p.receive).CatchUp(t.Context()))
				doubted = store.appends >= at
				p.requireFulfilled("1")
				p.requireReleased("2")
			})
		}
	}
}

// TestAnAppendThatAlwaysLosesGivesUp keeps a store that is broken from holding a manager for ever.
func TestAnAppendThatAlwaysLosesGivesUp(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: 10})
	conflict := &eventstore.ConflictError{Actual: eventstore.VersionUnknown}
	err := p.managerWith(failing{p.store, conflict}, p.agenda, p.receive).CatchUp(t.Context())
	require.ErrorAs(t, err, &conflict)
	require.ErrorContains(t, err, `instance "1" of process "shipping"`)
}

// failing is a store that appends nothing.
type failing struct {
	eventstore.Store
	err error
}

func (s failing) Append(context.Context, ...eventstore.Write) (eventstore.AppendResult, error) {
	return eventstore.AppendResult{}, s.err
}

func TestAnAppendThatFailsIsNoDecision(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: 10})
	errFull := errors.New("disk is full")
	require.ErrorIs(t, p.managerWith(failing{p.store, errFull}, p.agenda, p.receive).CatchUp(t.Context()), errFull)
	require.Empty(t, p.stream("$pm.shipping", "1"))
	require.NoError(t, p.manager().CatchUp(t.Context()))
	p.requireFulfilled("1")
}

func TestACompleteInstanceTakesNoMoreInput(t *testing.T) {
	p := newPlace(t)
	p.append("1", Placed{Amount: 10})
	m := p.manager()
	require.NoError(t, m.CatchUp(t.Context()))
	p.requireFulfilled("1")
	p.append("1", Placed{Amount: 20})
	require.NoError(t, m.CatchUp(t.Context()))
	p.requireRecords("1", map[string]int{"decided": 2, "dispatched": 3, "ignored": 1})
	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Len(t, instance.Inputs, 3)
	require.Equal(t, "the instance has come to its end", instance.Inputs[2].Ignored)
	require.Empty(t, p.entries(m), "nothing is left of it in the agenda")
}
