package projection_test

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/projection"
)

var errPoison = errors.New("cannot handle this")

func pausesAtPoison[Tx any](b backend[Tx]) {
	pausesAt(b, func() error { return errPoison })
}

func pausesAtPanic[Tx any](b backend[Tx]) {
	pausesAt(b, func() error { panic(errPoison) })
}

func pausesAt[Tx any](b backend[Tx], fail func() error) {
	before := b.add("1", 13)
	after := b.add("2", 20)
	healthy := b.recorder(b.target, nil, noTrouble)

	var poisoned atomic.Bool
	poisoned.Store(true)
	p := b.recorder(b.target, &projection.Options{Attempts: 2, MinBackoff: time.Millisecond},
		func(position eventstore.Position) error {
			if position > before && poisoned.Load() {
				return fail()
			}
			return nil
		})
	stop := b.start(p)
	defer stop()

	reason := b.waitPaused()
	assert.Contains(b.t, reason, errPoison.Error())
	assert.Contains(b.t, reason, `event "order.item-added" at version 1 of stream "order-2"`)
	require.Equal(b.t, b.positions(before), b.notes(), "what lies before is committed")

	status, err := p.Status(b.t.Context())
	require.NoError(b.t, err)
	assert.Equal(b.t, name, status.Consumer.Name)
	assert.Equal(b.t, before, status.Position)
	assert.Equal(b.t, after, status.Head)
	assert.Equal(b.t, eventstore.ConsumerPaused, status.State())
	assert.Contains(b.t, status.LastError, errPoison.Error())
	require.ErrorIs(b.t, status.Health(time.Hour), eventstore.ErrPaused)
	require.NoError(b.t, projection.WaitFor(b.t.Context(), b.target, name, before), "a paused projection has what it has")
	require.ErrorIs(b.t, healthy.CatchUp(b.t.Context()), eventstore.ErrPaused, "it is paused everywhere")

	poisoned.Store(false)
	require.NoError(b.t, p.Resume(b.t.Context()))
	b.wait()
	b.requireAppliedOnce()
}
