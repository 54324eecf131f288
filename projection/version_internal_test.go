package projection

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// countedStore notes how many events each Count has looked at.
type countedStore struct {
	*memstore.Store

	looked []int
}

func (s *countedStore) Count(
	ctx context.Context, after, through eventstore.Position, filter eventstore.Filter, limit int,
) (int, error) {
	s.looked = append(s.looked, int(through-after))
	return s.Store.Count(ctx, after, through, filter, limit)
}

func (s *countedStore) add(t *testing.T, category string, events int) {
	t.Helper()
	write := eventstore.Write{
		Stream:   eventstore.StreamID{Category: category, Key: "1"},
		Expected: eventstore.AnyVersion,
		Events:   make([]eventstore.EventData, events),
	}
	for i := range write.Events {
		write.Events[i] = eventstore.EventData{Type: category + ".happened", Data: []byte("{}")}
	}
	_, err := s.Append(t.Context(), write)
	require.NoError(t, err)
}

func newCounted(t *testing.T) (*Projection[*memstore.Tx], *countedStore) {
	t.Helper()
	store := &countedStore{Store: memstore.New(nil)}
	t.Cleanup(func() { require.NoError(t, store.Close(context.WithoutCancel(t.Context()))) })
	p := New("sales", store, eventstore.Target[*memstore.Tx](memstore.NewTarget(nil)), nil)
	p.families["rare"] = nil
	return p, store
}

// However far a version is behind, what it has still to read is not counted each time that it is asked whether it is near.
func TestWhetherAVersionIsNearIsNotCountedFromWhereItIs(t *testing.T) {
	t.Parallel()
	p, store := newCounted(t)
	store.add(t, "other", 5000)
	near := &nearness{}
	isClose := func(positions ...eventstore.Position) bool {
		checkpoints := make([]eventstore.Checkpoint, len(positions))
		for i, position := range positions {
			checkpoints[i] = eventstore.Checkpoint{Partition: i, Position: position}
		}
		return p.isClose(t.Context(), near, checkpoints)
	}
	for i := range eventstore.Position(50) {
		assert.False(t, isClose(100*i, 5000))
		store.add(t, "other", 1)
	}
	assert.Empty(t, store.looked)
	assert.True(t, isClose(5000, 5010), "it has come to where the head was, and what came since is not its own")
	store.add(t, "rare", closeEvents)
	assert.False(t, isClose(5000, 5010), "it is to come to where the head was then")
	assert.True(t, isClose(5051, 5050+closeEvents))
	store.add(t, "other", 1)
	store.add(t, "rare", closeEvents)
	assert.False(t, isClose(5051+closeEvents), "so many are too many")
	for _, looked := range store.looked {
		assert.LessOrEqual(t, looked, closeEvents+1)
	}
}

// A status looks at what lies before the next event once, and at no event of others but to find it.
func TestStatusCountsFromTheNextEventOn(t *testing.T) {
	t.Parallel()
	p, store := newCounted(t)
	store.add(t, "other", 3000)
	status := func() eventstore.ConsumerStatus {
		t.Helper()
		status, err := p.Status(t.Context())
		require.NoError(t, err)
		return status
	}
	assert.Zero(t, status().EventsBehind)
	assert.Zero(t, status().Behind)
	assert.Empty(t, store.looked)
	store.add(t, "rare", 5)
	assert.Equal(t, 5, status().EventsBehind)
	assert.Positive(t, status().Behind)
	for _, looked := range store.looked {
		assert.LessOrEqual(t, looked, 5)
	}
	for range 2 {
		store.add(t, "rare", 6000)
	}
	assert.Equal(t, eventstore.MostEventsBehind, status().EventsBehind)
}

// What a status has of parked sequences is bounded, and the last of them says what went wrong last.
func TestStatusHasTheLastParkedOnly(t *testing.T) {
	t.Parallel()
	p, _ := newCounted(t)
	ctx := t.Context()
	require.NoError(t, p.target.Define(ctx, p.ID(), eventstore.Definition{Partitions: 1}))
	for i := range eventstore.MostParked + 20 {
		at, err := p.target.Checkpoints(ctx, p.ID())
		require.NoError(t, err)
		move := eventstore.Move{Consumer: p.ID(), Epoch: at[0].Epoch, From: at[0].Position, To: at[0].Position + 1}
		move.Park = []eventstore.Parked{{
			Stream: eventstore.StreamID{Category: "rare", Key: fmt.Sprint(i)}, Version: 1, Position: move.To, Reason: fmt.Sprint(i),
		}}
		require.NoError(t, p.target.Advance(ctx, move, nil))
	}
	status, err := p.Status(ctx)
	require.NoError(t, err)
	assert.Len(t, status.Parked, eventstore.MostParked)
	assert.Equal(t, fmt.Sprint(eventstore.MostParked+19), status.LastError)
	all, err := p.Parked(ctx)
	require.NoError(t, err)
	assert.Len(t, all, eventstore.MostParked+20)
}
