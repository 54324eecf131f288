package main

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

func TestAudienceKnowsWhoGotWhat(t *testing.T) {
	t.Parallel()
	store := memstore.New(nil)
	_, err := store.Append(t.Context(), eventstore.Write{Stream: newStream(), Events: newEvents(1)})
	require.NoError(t, err)
	audience, err := subscribe(t.Context(), store, 3)
	require.NoError(t, err)
	defer audience.close()

	result, err := store.Append(t.Context(), eventstore.Write{Stream: newStream(), Events: newEvents(2)})
	require.NoError(t, err)

	require.NoError(t, audience.awaitEvents(t.Context(), 2, result.Position), "those since it began")
	require.ErrorContains(t, audience.awaitEvents(t.Context(), 3, result.Position), "want 3")
}

// repeater is a store whose subscriptions yield the same event again.
type repeater struct{ eventstore.Store }

func (r repeater) Subscribe(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.Batch, error] {
	return func(yield func(eventstore.Batch, error) bool) {
		for batch, err := range r.Store.Subscribe(ctx, after, filter) {
			for range 2 {
				if !yield(batch, err) {
					return
				}
			}
		}
	}
}

func TestAudienceNoticesARepetition(t *testing.T) {
	t.Parallel()
	store := repeater{memstore.New(nil)}
	audience, err := subscribe(t.Context(), store, 3)
	require.NoError(t, err)
	defer audience.close()

	_, err = store.Append(t.Context(), eventstore.Write{Stream: newStream(), Events: newEvents(1)})
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // lest it wait for ever when it does not notice
	defer cancel()
	err = audience.awaitEvents(ctx, 2, 2)
	require.Error(t, err)
	assert.ErrorContains(t, err, "came after position")
}
