package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func TestEventHasItsSizeAndIsOfTheFamily(t *testing.T) {
	t.Parallel()
	data := newEvent()
	assert.Len(t, data.Data, eventBytes)

	decoded, err := events.Decode(eventstore.RecordedEvent{
		Type: data.Type, SchemaVersion: 1, ContentType: eventstore.ContentTypeJSON, Data: data.Data,
	})
	require.NoError(t, err)
	require.Len(t, decoded, 1)
	again, err := events.Encode(decoded[0])
	require.NoError(t, err)
	assert.Equal(t, data.Data, again.Data)
}
