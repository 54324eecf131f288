package eventstore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// The events of all writes are one block of memory: to add to one write's must not write over the next.
func TestPreparedWritesAreApart(t *testing.T) {
	prepared, err := eventstore.Prepare(t.Context(), append(one(nil), another(events(2, "x"))))
	require.NoError(t, err)
	_ = append(prepared.Writes[0].Events, eventstore.EventData{Type: "garbage"})
	require.Len(t, prepared.Writes[0].Events, 1)
	require.Len(t, prepared.Writes[1].Events, 2)
	assert.Equal(t, "basket.filled", prepared.Writes[0].Events[0].Type)
	assert.Equal(t, "t", prepared.Writes[1].Events[0].Type)
}
