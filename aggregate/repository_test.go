package aggregate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

type pointerState struct{}

func (p *pointerState) Evolve(movement) *pointerState { return p }

type interfaceState interface {
	Evolve(event movement) interfaceState
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	store := memstore.New(nil)
	assert.PanicsWithValue(t, "aggregate.New: the store and the codec must not be nil",
		func() { aggregate.New[account](nil, movements, nil) })
	assert.PanicsWithValue(t, "aggregate.New: the store and the codec must not be nil",
		func() { aggregate.New[account, movement](store, nil, nil) })
	assert.PanicsWithValue(t, "aggregate.New: the state *aggregate_test.pointerState is a ptr, "+
		"it must be a value whose zero is the state without events",
		func() { aggregate.New[*pointerState](store, movements, nil) })
	assert.PanicsWithValue(t, "aggregate.New: the state aggregate_test.interfaceState is a interface, "+
		"it must be a value whose zero is the state without events",
		func() { aggregate.New[interfaceState](store, movements, nil) })
}

// ownCodec is a codec of a concrete type, from whose methods New infers the events.
type ownCodec struct{ eventstore.Codec[movement] }

func TestNewInfersTheEventsFromAnyCodec(t *testing.T) {
	accounts := aggregate.New[account](memstore.New(nil), ownCodec{movements}, nil)
	result, err := accounts.Execute(t.Context(), "1", deposit{Amount: 1})
	assert.NoError(t, err)
	assert.Equal(t, 1, result.State.Balance)
}
