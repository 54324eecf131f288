package eventstore_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func TestMetadataOfAnEmptyContext(t *testing.T) {
	assert.True(t, eventstore.MetadataFrom(t.Context()).IsZero())
	assert.True(t, eventstore.Metadata{Values: map[string]string{}}.IsZero())
	assert.False(t, eventstore.Metadata{Values: map[string]string{"": ""}}.IsZero())
	for _, metadata := range []eventstore.Metadata{
		{CorrelationID: "x"}, {CausationID: "x"}, {Actor: "x"}, {TraceParent: "x"},
	} {
		assert.False(t, metadata.IsZero())
	}
}

func TestInnerMetadataGoesBeforeOuter(t *testing.T) {
	outer := eventstore.WithMetadata(t.Context(), eventstore.Metadata{
		CorrelationID: "outer", CausationID: "outer", Actor: "outer", TraceParent: "outer",
		Values: map[string]string{"both": "outer", "outer": "outer"},
	})
	inner := eventstore.WithMetadata(outer, eventstore.Metadata{
		CausationID: "inner", Values: map[string]string{"both": "inner", "inner": "inner"},
	})
	assert.Equal(t, eventstore.Metadata{
		CorrelationID: "outer", CausationID: "inner", Actor: "outer", TraceParent: "outer",
		Values: map[string]string{"both": "inner", "outer": "outer", "inner": "inner"},
	}, eventstore.MetadataFrom(inner))
	assert.Equal(t, "outer", eventstore.MetadataFrom(outer).Values["both"], "the outer context is as it was")
}

func TestMetadataIsCopiedIntoTheContext(t *testing.T) {
	values := map[string]string{"k": "v"}
	ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{Values: values})
	values["k"] = "changed"
	assert.Equal(t, map[string]string{"k": "v"}, eventstore.MetadataFrom(ctx).Values)
}

// The map is the caller's, who may go on to fill it.
func TestAnEmptyMapOfMetadataIsNotKept(t *testing.T) {
	empty := eventstore.Metadata{Values: map[string]string{}}
	prepared, err := eventstore.Prepare(t.Context(), one(func(e *eventstore.EventData) { e.Metadata = empty }))
	require.NoError(t, err)
	assert.Equal(t, eventstore.Metadata{}, prepared.Writes[0].Events[0].Metadata)
}

// Backends store the JSON form, so it must not change.
func TestMetadataAsJSON(t *testing.T) {
	metadata := eventstore.Metadata{
		CorrelationID: "c", CausationID: "p", Actor: "a", TraceParent: "t", Values: map[string]string{"k": "v"},
	}
	data, err := json.Marshal(metadata)
	require.NoError(t, err)
	assert.JSONEq(t,
		`{"correlation_id":"c","causation_id":"p","actor":"a","traceparent":"t","values":{"k":"v"}}`, string(data))
	var back eventstore.Metadata
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, metadata, back)

	data, err = json.Marshal(eventstore.Metadata{Values: map[string]string{}})
	require.NoError(t, err)
	assert.Equal(t, "{}", string(data))
}
