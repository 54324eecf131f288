package processmanager_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

func recordedPlaced(t *testing.T, amount int) eventstore.RecordedEvent {
	t.Helper()
	data, err := orderEvents.Encode(Placed{Amount: amount})
	require.NoError(t, err)
	return eventstore.RecordedEvent{
		ID: placedID, Stream: eventstore.StreamID{Category: "order", Key: "a-1"}, Version: 1, Position: 1,
		Type: data.Type, SchemaVersion: data.SchemaVersion, ContentType: data.ContentType, Data: data.Data,
	}
}

func TestDecideIsWhatARunningManagerDoes(t *testing.T) {
	m := newShipping(nil, nil, func(context.Context, command) error { return nil }, nil)
	decisions, err := m.Decide(recordedPlaced(t, 7), func(key string) Shipping {
		require.Equal(t, "a-1", key)
		return Shipping{Steps: []string{"viewed"}}
	})
	require.NoError(t, err)
	require.Equal(t, []processmanager.Decision[Shipping, Command]{{
		Instance:   "a-1",
		State:      Shipping{Amount: 7, Steps: []string{"viewed", "placed"}},
		Effects:    send(Reserve{Amount: 7}, Charge{Amount: 7}),
		CommandIDs: []uuid.UUID{reserveID, chargeID},
	}}, decisions)

	refused := processmanager.Refused[Command]{Command: command{ID: chargeID, Instance: "a-1"}, Err: errDeclined}
	_, reacts, err := m.DecideRefused(refused, Shipping{})
	require.NoError(t, err)
	require.False(t, reacts)

	processmanager.OnRefused(m, reactToRefusal)
	decision, reacts, err := m.DecideRefused(refused, Shipping{})
	require.NoError(t, err)
	require.True(t, reacts)
	require.Equal(t, effects{Send: []Command{Release{}}, Complete: true}, decision.Effects)
	require.Equal(t, []uuid.UUID{releaseID}, decision.CommandIDs)
}

func TestDecideOnAnEventOfAnotherCategory(t *testing.T) {
	m := newShipping(nil, nil, func(context.Context, command) error { return nil }, nil)
	decisions, err := m.Decide(eventstore.RecordedEvent{Stream: eventstore.StreamID{Category: "other", Key: "1"}}, nil)
	require.NoError(t, err)
	require.Empty(t, decisions)
}

// foreign is a command that the codec does not know.
type foreign struct{}

func (foreign) command() {}

func TestDecisionsThatCannotBeStoredAreErrors(t *testing.T) {
	m := newShipping(nil, nil, func(context.Context, command) error { return nil }, nil)
	processmanager.OnRefused(m, func(s Shipping, _ processmanager.Refused[Command]) (Shipping, effects) {
		return s, send(Ship{}, foreign{})
	})
	refused := processmanager.Refused[Command]{Command: command{ID: chargeID, Instance: "a-1"}, Err: errDeclined}
	_, _, err := m.DecideRefused(refused, Shipping{})
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	require.ErrorContains(t, err, `process "shipping", instance "a-1": decide: command 1: `)

	type unstorable struct{ Channel chan int }
	other := processmanager.New[unstorable]("shipping", nil, nil, commands,
		func(context.Context, command) error { return nil }, nil)
	processmanager.On(other, orderEvents, processmanager.ByStream,
		func(s unstorable, _ eventstore.Envelope[OrderEvent]) (unstorable, effects) { return s, effects{} })
	_, err = other.Decide(recordedPlaced(t, 1), func(string) unstorable { return unstorable{} })
	require.ErrorContains(t, err, `process "shipping", instance "a-1": decide: encode state: `)
}
