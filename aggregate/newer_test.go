package aggregate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// newerMovements are movements in the next version of the program: a deposit has schema version 2.
var newerMovements = eventstore.NewCodec("account", map[string]movement{
	"account.deposited": deposited{},
	"account.withdrawn": withdrawn{},
}, &eventstore.CodecOptions{Upcasters: []eventstore.Upcaster{
	eventstore.EditFields("account.deposited", 1, func(f *eventstore.Fields) { f.Default("purpose", "unknown") }),
}})

// A decision on ground of a state that lacks an event would be wrong, so an old program decides nothing.
func TestAnOldProgramDecidesNothingOnNewerEvents(t *testing.T) {
	store := &watched{Store: memstore.New(nil)}
	older := aggregate.New[account](store, movements, nil)
	newer := aggregate.New[account](store, newerMovements, nil)
	_, err := older.Execute(t.Context(), "1", deposit{10, "rent"})
	require.NoError(t, err)
	result, err := newer.Execute(t.Context(), "1", deposit{5, "food"})
	require.NoError(t, err)
	assert.Equal(t, 15, result.State.Balance)
	appends := store.appends.Load()

	_, err = older.Execute(t.Context(), "1", withdraw{3})
	require.ErrorIs(t, err, eventstore.ErrUnknownType)
	for _, part := range []string{
		`execute on stream "account-1": `, `"account.deposited" is of schema version 2, this program knows up to 1`, "position 2",
	} {
		assert.ErrorContains(t, err, part)
	}
	assert.Equal(t, appends, store.appends.Load())

	result, err = newer.Execute(t.Context(), "1", withdraw{3})
	require.NoError(t, err)
	assert.Equal(t, 12, result.State.Balance)
	assert.EqualValues(t, 3, result.Version)
}
