package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// A filter that selects little is found in more than one query: the first ends after 20,000 events, which is where the
// first event that is selected lies.
func TestRareEventsAreFoundInSteps(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	common, rare := order42, eventstore.StreamID{Category: "payment", Key: "1"}
	appendAll := func(writes ...eventstore.Write) eventstore.Position {
		result, err := store.Append(t.Context(), writes...)
		require.NoError(t, err)
		return result.Position
	}
	appendAll(added(common, 10_000))
	first := appendAll(added(common, 9_999), added(rare, 1))
	appendAll(added(common, 10_000))
	second := appendAll(added(rare, 1))
	head := appendAll(added(common, 1))
	filter := eventstore.Filter{Categories: []string{rare.Category}}

	var found []eventstore.Position
	for _, event := range collect(t, store.ReadAll(t.Context(), 0, filter)) {
		found = append(found, event.Position)
	}
	assert.Equal(t, []eventstore.Position{first, second}, found)

	type step struct {
		events   int
		through  eventstore.Position
		caughtUp bool
	}
	var steps []step
	for batch, err := range store.Subscribe(t.Context(), 0, filter) {
		require.NoError(t, err)
		steps = append(steps, step{len(batch.Events), batch.Through, batch.CaughtUp})
		if batch.CaughtUp {
			break
		}
	}
	assert.Equal(t, []step{{1, first, false}, {1, head, true}}, steps)
}
