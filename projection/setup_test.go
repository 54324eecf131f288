package projection_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/projection"
)

func ignoreOrders(context.Context, *memstore.Tx, eventstore.Envelope[OrderEvent]) error { return nil }

func TestNewPanicsForANameThatCannotBeStored(t *testing.T) {
	for _, bad := range []string{"", "a\x00b", "\xff", strings.Repeat("x", 257)} {
		require.Panics(t, func() { projection.New[*memstore.Tx](bad, nil, nil, nil) }, "name %q", bad)
	}
	require.NotPanics(t, func() { projection.New[*memstore.Tx](strings.Repeat("x", 256), nil, nil, nil) })
}

func TestOnPanicsForAMistakeInTheProgram(t *testing.T) {
	b := inMemory(t)
	t.Run("a category twice", func(t *testing.T) {
		p := b.recorder(b.target, nil, noTrouble)
		require.PanicsWithValue(t, `projection.On: projection "sales" listens to category "order" twice`,
			func() { projection.On(p, orderEvents, ignoreOrders) })
	})
	t.Run("after the start", func(t *testing.T) {
		p := projection.New(name, b.store, b.target, nil)
		projection.On(p, paymentEvents,
			func(context.Context, *memstore.Tx, eventstore.Envelope[PaymentEvent]) error { return nil })
		require.NoError(t, p.CatchUp(t.Context()))
		require.PanicsWithValue(t, `projection.On: projection "sales" was started before it listened to category "order"`,
			func() { projection.On(p, orderEvents, ignoreOrders) })
	})
	t.Run("an invalid category", func(t *testing.T) {
		p := projection.New(name, b.store, b.target, nil)
		require.Panics(t, func() { projection.On(p, categorized{orderEvents, "a-b"}, ignoreOrders) })
	})
}

// categorized is a codec with another category.
type categorized struct {
	eventstore.Codec[OrderEvent]
	category string
}

func (c categorized) Category() string { return c.category }

func TestAProjectionThatListensToNothingDoesNotRun(t *testing.T) {
	b := inMemory(t)
	p := projection.New(name, b.store, b.target, nil)
	require.ErrorIs(t, p.Run(t.Context()), eventstore.ErrInvalid)
	require.ErrorIs(t, p.CatchUp(t.Context()), eventstore.ErrInvalid)
	require.ErrorContains(t, projection.Run(t.Context(), p), `run projection "sales"`)
}

func TestRunOfNothing(t *testing.T) {
	require.NoError(t, projection.Run(t.Context()))
}

func TestStatusReturnsTheErrorsOfStoreAndTarget(t *testing.T) {
	b := inMemory(t)
	p := b.recorder(b.target, nil, noTrouble)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Status(ended)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, b.store.Close(t.Context()))
	_, err = p.Status(t.Context())
	require.ErrorIs(t, err, eventstore.ErrClosed)
	require.ErrorContains(t, err, `projection "sales"`)
}
