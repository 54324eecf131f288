package pgstore_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// Whatever is asked for, as many are counted as there are.
func TestCountAgreesWithTheFilter(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	var positions []eventstore.Position
	categories := []string{"order", "cart", "$pm.checkout", "order", "$pm.refund", "order"}
	for i, category := range categories {
		write := added(eventstore.StreamID{Category: category, Key: fmt.Sprint(i)}, 2)
		write.Events[1].Type = "order.confirmed"
		result, err := store.Append(t.Context(), write)
		require.NoError(t, err)
		positions = append(positions, result.Position-1, result.Position)
	}
	all := collect(t, store.ReadAll(t.Context(), 0, eventstore.Filter{Categories: categories}))
	require.Len(t, all, len(positions))
	ends := append([]eventstore.Position{0, positions[5] + 1, positions[11] + 1e6}, positions...)
	for _, filter := range []eventstore.Filter{
		{},
		{Categories: []string{"order"}},
		{Categories: []string{"$pm.checkout", "cart"}},
		{Types: []string{"order.confirmed"}},
		{Categories: []string{"order", "$pm.refund"}, Types: []string{addedType}},
		{Categories: []string{"unknown"}},
	} {
		for _, after := range append([]eventstore.Position{0}, positions...) {
			for _, through := range ends {
				for _, limit := range []int{0, 1, 3, 100} {
					expected := 0
					for _, event := range all {
						if event.Position > after && event.Position <= through &&
							filter.Matches(event.Stream.Category, event.Type) && (limit == 0 || expected < limit) {
							expected++
						}
					}
					count, err := store.Count(t.Context(), after, through, filter, limit)
					require.NoError(t, err)
					require.Equal(t, expected, count, "after %d through %d, limit %d, %+v", after, through, limit, filter)
				}
			}
		}
	}
}

// S4: what comes after an append in flight is not counted before that has ended, or the count would not be that of what
// can be read.
func TestCountEndsBeforeAnAppendInFlight(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newPool(t, url)
	before, err := store.Append(t.Context(), added(order42, 1))
	require.NoError(t, err)
	tx := begin(t, pool, pgx.TxOptions{})
	_, err = store.AppendTx(t.Context(), tx, added(order42, 1))
	require.NoError(t, err)
	last, err := store.Append(t.Context(), added(eventstore.StreamID{Category: "order", Key: "43"}, 1))
	require.NoError(t, err)

	count, err := store.Count(t.Context(), 0, last.Position, eventstore.Filter{}, 0)
	require.NoError(t, err)
	assert.Equal(t, 1, count)
	count, err = store.Count(t.Context(), before.Position, last.Position, eventstore.Filter{}, 0)
	require.NoError(t, err)
	assert.Zero(t, count)

	require.NoError(t, tx.Commit(t.Context()))
	count, err = store.Count(t.Context(), 0, last.Position, eventstore.Filter{}, 0)
	require.NoError(t, err)
	assert.Equal(t, 3, count)
}

func TestCountRefusesWhatReadsRefuse(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	appended, err := store.Append(t.Context(), added(order42, 1))
	require.NoError(t, err)
	for name, refused := range map[string]struct {
		after  eventstore.Position
		filter eventstore.Filter
		limit  int
		err    error
	}{
		"a negative position": {-1, eventstore.Filter{}, 0, eventstore.ErrInvalid},
		"a negative limit":    {0, eventstore.Filter{}, -1, eventstore.ErrInvalid},
		"no category":         {0, eventstore.Filter{Categories: []string{"a-b"}}, 0, eventstore.ErrInvalid},
		"beyond the head":     {appended.Position + 1, eventstore.Filter{}, 0, eventstore.ErrBeyondHead},
	} {
		_, err := store.Count(t.Context(), refused.after, appended.Position, refused.filter, refused.limit)
		require.ErrorIs(t, err, refused.err, name)
	}
}
