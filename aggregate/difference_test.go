package aggregate_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

func TestDifference(t *testing.T) {
	store := memstore.New(nil)
	accounts := accountsIn(store)
	appendTo(t, store, "1", deposited{10, "rent"}, deposited{5, "fun"}, withdrawn{3}, audited{})

	d, err := accounts.Difference(t.Context(), "1", aggregate.AtVersion(1), aggregate.AtVersion(3))
	require.NoError(t, err)
	from, err := accounts.LoadAt(t.Context(), "1", aggregate.AtVersion(1))
	require.NoError(t, err)
	to, err := accounts.LoadAt(t.Context(), "1", aggregate.AtVersion(3))
	require.NoError(t, err)
	assert.Equal(t, from, d.From)
	assert.Equal(t, to, d.To)
	require.Len(t, d.Events, 2)
	assert.Equal(t, deposited{5, "fun"}, d.Events[0].Event)
	assert.EqualValues(t, 2, d.Events[0].Version)
	assert.Equal(t, withdrawn{3}, d.Events[1].Event)
	assert.Equal(t, []aggregate.Change{
		{Path: "Balance", Before: "10", After: "12"},
		{Path: "History[1]", After: "5"},
		{Path: "History[2]", After: "-3"},
		{Path: `ByPurpose["fun"]`, After: "5"},
	}, d.Changes)
	assert.Equal(t, `ByPurpose["fun"]: none → 5`, d.Changes[3].String())

	whole, err := accounts.Difference(t.Context(), "1", aggregate.AtVersion(0), aggregate.AtTime(time.Now()))
	require.NoError(t, err)
	assert.Len(t, whole.Events, 4)

	same, err := accounts.Difference(t.Context(), "1", aggregate.AtVersion(3), aggregate.AtPosition(3))
	require.NoError(t, err)
	assert.Empty(t, same.Events)
	assert.Empty(t, same.Changes)
}

func TestDifferencesThatCannotBe(t *testing.T) {
	store := memstore.New(nil)
	accounts := accountsIn(store)
	appendTo(t, store, "1", deposited{10, ""}, deposited{5, ""})

	_, err := accounts.Difference(t.Context(), "1", aggregate.AtVersion(2), aggregate.AtVersion(1))
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	assert.ErrorContains(t, err, `difference in stream "account-1": `)
	_, err = accounts.Difference(t.Context(), "1", aggregate.AtVersion(1), aggregate.AtVersion(3))
	require.ErrorIs(t, err, aggregate.ErrBeyondStream)
	_, err = accounts.Difference(t.Context(), "", aggregate.AtVersion(1), aggregate.AtVersion(math.MaxInt64))
	require.ErrorIs(t, err, eventstore.ErrInvalid)
}
