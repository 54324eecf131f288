package projection_test

import (
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func catchesUp[Tx any](b backend[Tx]) {
	p := b.recorder(b.target, nil, noTrouble)
	require.NoError(b.t, p.CatchUp(b.t.Context()), "of an empty store")
	for range 5 {
		b.add("1", 7)
		require.NoError(b.t, p.CatchUp(b.t.Context()))
		b.requireAppliedOnce()
	}

	b.add("1", 100)
	var catching sync.WaitGroup
	for range 4 {
		catching.Go(func() {
			if err := p.CatchUp(b.t.Context()); err != nil {
				b.t.Error(err)
			}
		})
	}
	catching.Wait()
	b.requireAppliedOnce()

	poison := b.add("2", 1)
	b.add("3", 5)
	failing := b.recorder(b.target, nil, func(position eventstore.Position) error {
		if position == poison {
			return errPoison
		}
		return nil
	})
	for range 2 {
		err := failing.CatchUp(b.t.Context())
		require.ErrorIs(b.t, err, errPoison)
		require.NotErrorIs(b.t, err, eventstore.ErrPaused, "it leaves the decision to its caller")
		require.Equal(b.t, b.positions(poison-1), b.notes())
	}
	require.NoError(b.t, p.CatchUp(b.t.Context()))
	b.requireAppliedOnce()
}
