package projection_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// careless is a target that leaves its transaction open when work panics.
type careless struct {
	eventstore.Target[*memstore.Tx]
	open int
}

func (c *careless) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx *memstore.Tx) error,
) error {
	c.open++
	err := c.Target.Advance(ctx, move, work)
	c.open--
	return err
}

func TestAPanicDoesNotReachTheTarget(t *testing.T) {
	b := inMemory(t)
	b.add("1", 1)
	target := &careless{Target: b.target}
	err := b.recorder(target, nil, func(eventstore.Position) error { panic(errPoison) }).CatchUp(t.Context())
	require.ErrorIs(t, err, errPoison)
	require.Zero(t, target.open)
}
