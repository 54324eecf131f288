package processmanager_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

func TestInstance(t *testing.T) {
	p := newPlace(t)
	m := p.manager()
	require.Equal(t, "shipping", m.Name())
	require.Equal(t, "$pm.shipping", m.Consumer().Name)

	none, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, processmanager.Instance[Shipping, Command]{Key: "1", Status: processmanager.StatusNone}, none)

	p.append("1", Placed{Amount: tooMuch})
	require.NoError(t, m.CatchUp(t.Context()))
	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, "1", instance.Key)
	require.EqualValues(t, 5, instance.Version)
	require.Equal(t, processmanager.StatusCompleted, instance.Status)
	require.Equal(t, tooMuch, instance.State.Amount)
	require.Equal(t, []processmanager.Sent[Command]{
		{ID: instance.Commands[0].ID, Command: Reserve{Amount: tooMuch}, Outcome: processmanager.OutcomeDispatched, Attempt: 1},
		{
			ID: instance.Commands[1].ID, Command: Charge{Amount: tooMuch}, Outcome: processmanager.OutcomeRefused, Attempt: 1,
			Reason: "card was declined",
		},
		{ID: instance.Commands[2].ID, Command: Release{}, Outcome: processmanager.OutcomeDispatched, Attempt: 1},
	}, instance.Commands)
	p.requireQuiet(m)
}

// forgetful is a codec that does not know its commands any more, or makes several of one.
type forgetful struct {
	eventstore.Codec[Command]
	decode func() ([]Command, error)
}

func (c forgetful) Decode(eventstore.RecordedEvent) ([]Command, error) { return c.decode() }

// TestACommandThatCannotBeReadHoldsUpItsInstance is a program whose command family has changed.
func TestACommandThatCannotBeReadHoldsUpItsInstance(t *testing.T) {
	for name, decode := range map[string]func() ([]Command, error){
		"unknown": func() ([]Command, error) { return nil, eventstore.ErrUnknownType },
		"none":    func() ([]Command, error) { return nil, nil },
		"several": func() ([]Command, error) { return []Command{Ship{}, Ship{}}, nil },
		"panic":   func() ([]Command, error) { panic("lost") },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.append("1", Placed{Amount: 10})
			broken := processmanager.New[Shipping]("shipping", p.store, p.agenda, forgetful{commands, decode},
				func(context.Context, command) error { return nil }, options())
			processmanager.On(broken, orderEvents, routeOrder, reactToOrder)
			require.ErrorContains(t, broken.CatchUp(t.Context()), `process "shipping", instance "1": dispatch command`)
			p.requireRecords("1", map[string]int{"decided": 1})

			require.NoError(t, p.manager().CatchUp(t.Context()))
			p.requireFulfilled("1")
		})
	}
}
