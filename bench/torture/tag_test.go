package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func TestAnEventTellsItsTag(t *testing.T) {
	t.Parallel()
	for n := range int64(1000) {
		want := newTag(int(n%maxIncarnations), 1<<39+n, int(n))
		event := recorded(want)
		got, err := tagOf(event)
		require.NoError(t, err)
		require.Equal(t, want, got)

		event.Data = append(event.Data[:len(event.Data)-1:len(event.Data)-1], 'x')
		_, err = tagOf(event)
		require.Error(t, err, "other data")
		event = recorded(want)
		event.Metadata.Actor = "somebody else"
		_, err = tagOf(event)
		require.Error(t, err, "other metadata")
	}
	_, err := tagOf(eventstore.RecordedEvent{ContentType: eventstore.ContentTypeJSON, Data: []byte(`{}`)})
	assert.ErrorIs(t, err, errForeign)
}

func TestTagsAndStreamsHoldWhatTheyAreMadeOf(t *testing.T) {
	t.Parallel()
	last := newTag(maxIncarnations, 1<<appendBits-1, eventstore.MaxAppendEvents)
	assert.Positive(t, last)
	assert.Equal(t, maxIncarnations, last.incarnation())
	assert.NotEqual(t, last.append(), newTag(maxIncarnations, 1<<appendBits-2, 0).append())

	for category := range categories {
		stream := newStream(category, 1<<keyBits-1)
		got, err := streamOf(stream.id())
		require.NoError(t, err)
		assert.Equal(t, stream, got)
	}
}

func recorded(t tag) eventstore.RecordedEvent {
	event := t.event()
	return eventstore.RecordedEvent{
		Type: event.Type, ContentType: event.ContentType, Data: event.Data, Metadata: event.Metadata,
	}
}
