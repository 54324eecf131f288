package processmanager_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// stubborn is a manager whose receivers fail at Charge until they are mended. It tries everything three times.
func stubborn(p *place, mended *bool) *manager {
	opts := options()
	opts.Attempts = 3
	return newShipping(p.store, p.agenda, func(ctx context.Context, c command) error {
		if _, isCharge := c.Command.(Charge); isCharge && !*mended {
			return errDown
		}
		return p.receive(ctx, c)
	}, opts)
}

// parkedAtCharge runs the manager until it has given up at Charge.
func (p *place) parkedAtCharge(m *manager) {
	p.t.Helper()
	p.append("1", Placed{Amount: 10})
	for range 3 {
		require.ErrorIs(p.t, m.CatchUp(p.t.Context()), errDown)
	}
	require.NoError(p.t, m.CatchUp(p.t.Context()))
	parked, err := m.Parked(p.t.Context())
	require.NoError(p.t, err)
	require.Len(p.t, parked, 1)
	require.Equal(p.t, "shipping.charge", parked[0].Type)
	require.Equal(p.t, 3, parked[0].Attempts)
	require.Contains(p.t, parked[0].Reason, errDown.Error())
	instance, err := m.Instance(p.t.Context(), "1")
	require.NoError(p.t, err)
	require.Equal(p.t, processmanager.StatusParked, instance.Status)
	require.Equal(p.t, processmanager.OutcomeParked, instance.Commands[1].Outcome)
	require.Equal(p.t, 3, instance.Commands[1].Attempt)
}

// TestACommandTriedTooOftenParksItsInstance is M4, with each way out of it.
func TestACommandTriedTooOftenParksItsInstance(t *testing.T) {
	for name, newPlace := range places {
		t.Run(name+": retry", func(t *testing.T) {
			p, mended := newPlace(t), false
			m := stubborn(p, &mended)
			p.parkedAtCharge(m)
			require.NoError(t, m.Retry(t.Context(), "1"))
			require.ErrorIs(t, m.CatchUp(t.Context()), errDown, "attempts are counted anew")
			mended = true
			require.NoError(t, m.CatchUp(t.Context()))
			p.requireFulfilled1(m)
			require.ErrorIs(t, m.Retry(t.Context(), "1"), eventstore.ErrNotParked)
		})
		t.Run(name+": skip", func(t *testing.T) {
			p, mended := newPlace(t), false
			m := stubborn(p, &mended)
			p.parkedAtCharge(m)
			require.ErrorIs(t, m.Skip(t.Context(), "1", ""), eventstore.ErrInvalid)
			require.NoError(t, m.Skip(t.Context(), "1", "charged by hand"))
			require.NoError(t, m.CatchUp(t.Context()))
			instance, err := m.Instance(t.Context(), "1")
			require.NoError(t, err)
			require.Equal(t, processmanager.OutcomeSkipped, instance.Commands[1].Outcome)
			require.Equal(t, "charged by hand", instance.Commands[1].Reason)
			require.Equal(t, processmanager.StatusRunning, instance.Status)
			p.requireQuiet(m)
		})
		t.Run(name+": fail", func(t *testing.T) {
			p, mended := newPlace(t), false
			m := stubborn(p, &mended)
			p.parkedAtCharge(m)
			require.NoError(t, m.Fail(t.Context(), "1", "no money"))
			require.NoError(t, m.CatchUp(t.Context()))
			require.Empty(t, p.entries(m))
		})
	}
}

// requireFulfilled1 is requireFulfilled for an instance whose records tell of more than that.
func (p *place) requireFulfilled1(m *manager) {
	p.t.Helper()
	require.Equal(p.t, []string{"reserve", "ship"}, p.types("warehouse", "1"))
	require.Equal(p.t, []string{"placed", "paid"}, p.types("order", "1"))
	p.requireQuiet(m)
}

// TestARunningManagerGoesOnWhenItIsTold retries, beside a manager that runs, without waiting for a poll.
func TestARunningManagerGoesOnWhenItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, mended := newPlace(t), false
		m := stubborn(p, &mended)
		p.append("1", Placed{Amount: 10})
		start(t, m)
		p.awaitParked(m, func(parked []processmanager.Parked) bool { return len(parked) == 1 })
		synctest.Wait()
		mended = true
		require.NoError(t, m.Retry(t.Context(), "1"))
		p.await(func() bool { return p.settled(m, "1", 3) })
	})
}

func TestNothingIsParked(t *testing.T) {
	p := newPlace(t)
	m := p.manager()
	require.ErrorIs(t, m.Retry(t.Context(), "1"), eventstore.ErrNotParked)
	require.ErrorIs(t, m.Skip(t.Context(), "1", "why not"), eventstore.ErrNotParked)
}

// TestAPermanentErrorParksAtOnce is an error of dispatch that trying again does not cure.
func TestAPermanentErrorParksAtOnce(t *testing.T) {
	p := newPlace(t)
	tried := 0
	m := p.managerWith(p.store, p.agenda, func(context.Context, command) error {
		tried++
		return processmanager.Permanent(errDown)
	})
	p.append("1", Placed{Amount: 10})
	require.ErrorIs(t, m.CatchUp(t.Context()), errDown)
	require.NoError(t, m.CatchUp(t.Context()))
	require.Equal(t, 1, tried)
	parked, err := m.Parked(t.Context())
	require.NoError(t, err)
	require.Len(t, parked, 1)
	require.Equal(t, "shipping.reserve", parked[0].Type)
	require.NoError(t, processmanager.Permanent(nil))
}

// noting is an agenda that takes notes, drops them, or fails, in turn.
type noting struct {
	eventstore.Agenda
	answers []string
}

func (n *noting) Note(ctx context.Context, entry eventstore.Entry) error {
	answer := n.answers[0]
	n.answers = n.answers[1:]
	switch answer {
	case "take":
		return n.Agenda.Note(ctx, entry)
	case "drop":
		return nil
	default:
		return errDown
	}
}

// TestWhatIsDoneByHalfIsFound is an operator whose program dies between the stream and the agenda.
func TestWhatIsDoneByHalfIsFound(t *testing.T) {
	p, mended := newPlace(t), false
	p.parkedAtCharge(stubborn(p, &mended))
	agenda := p.agenda
	p.agenda = &noting{agenda, []string{"take", "fail"}}
	require.ErrorIs(t, stubborn(p, &mended).Retry(t.Context(), "1"), errDown)
	p.agenda, mended = agenda, true
	m := stubborn(p, &mended)
	require.NoError(t, m.CatchUp(t.Context()))
	p.requireFulfilled1(m)

	q, a := newPlace(t), &agency{}
	q.append("1", Placed{})
	require.NoError(t, traveling(q, a).CatchUp(t.Context()))
	agenda = q.agenda
	q.agenda = &noting{agenda, []string{"take", "fail"}}
	require.ErrorIs(t, traveling(q, a).Fail(t.Context(), "1", "rain"), errDown)
	q.agenda = agenda
	require.NoError(t, traveling(q, a).CatchUp(t.Context()))
	require.Equal(t, []Trip{Cancel{"guide"}, Cancel{"car"}, Cancel{"hotel"}, Cancel{"flight"}}, a.got[5:])
}

// TestWhatIsDoneByHalfIsDoneByAnotherCall is one that was looked at between its announcement and the change.
func TestWhatIsDoneByHalfIsDoneByAnotherCall(t *testing.T) {
	for name, again := range map[string]func(m *manager) error{
		"retry":  func(m *manager) error { return m.Retry(context.Background(), "1") },
		"listed": func(m *manager) error { _, err := m.Parked(context.Background()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			p, mended := newPlace(t), false
			p.parkedAtCharge(stubborn(p, &mended))
			agenda := p.agenda
			p.agenda = &noting{agenda, []string{"drop", "fail"}}
			require.ErrorIs(t, stubborn(p, &mended).Retry(t.Context(), "1"), errDown)
			p.agenda = agenda
			mended = true
			m := stubborn(p, &mended)
			require.NoError(t, m.CatchUp(t.Context()))
			require.Equal(t, 1, p.summary().Parked, "nobody knows yet")
			if err := again(m); err != nil {
				require.ErrorIs(t, err, eventstore.ErrNotParked)
			}
			require.NoError(t, m.CatchUp(t.Context()))
			p.requireFulfilled1(m)
		})
	}
	t.Run("fail", func(t *testing.T) {
		p, a := newPlace(t), &agency{}
		m := traveling(p, a)
		p.append("1", Placed{})
		require.NoError(t, m.CatchUp(t.Context()))
		agenda := p.agenda
		p.agenda = &noting{agenda, []string{"drop", "fail"}}
		require.ErrorIs(t, traveling(p, a).Fail(t.Context(), "1", "rain"), errDown)
		p.agenda = agenda
		require.ErrorIs(t, m.Fail(t.Context(), "1", "rain"), eventstore.ErrInvalid)
		require.NoError(t, m.CatchUp(t.Context()))
		require.Equal(t, []Trip{Cancel{"guide"}, Cancel{"car"}, Cancel{"hotel"}, Cancel{"flight"}}, a.got[5:])
	})
}
