package eventstore_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// repeated is an append to two streams with a check of a third, and the events that it has led to.
func repeated(t *testing.T) (eventstore.Prepared, []eventstore.RecordedEvent) {
	t.Helper()
	event := func(id byte) eventstore.EventData {
		return eventstore.EventData{ID: uuid.UUID{id}, Type: "t", Data: []byte{'0' + id}}
	}
	a := eventstore.StreamID{Category: "basket", Key: "a"}
	b := eventstore.StreamID{Category: "basket", Key: "b"}
	prepared, err := eventstore.Prepare(t.Context(), []eventstore.Write{
		{Stream: a, Events: []eventstore.EventData{event(1), event(2)}},
		{Stream: basket, Expected: eventstore.StreamExists},
		{Stream: b, Events: []eventstore.EventData{event(1)}},
	})
	require.NoError(t, err)
	found := []eventstore.RecordedEvent{
		{ID: uuid.UUID{1}, Stream: b, Version: 9, Position: 33, Type: "t", Data: []byte("1")},
		{ID: uuid.UUID{2}, Stream: a, Version: 5, Position: 32, Type: "t", Data: []byte("2")},
		{ID: uuid.UUID{1}, Stream: a, Version: 4, Position: 31, Type: "t", Data: []byte("1")},
	}
	for i := range found {
		found[i].Metadata.Actor = "not compared"
	}
	return prepared, found
}

func TestFirstResultOfARepeat(t *testing.T) {
	prepared, found := repeated(t)
	result, isRepeat, err := prepared.FirstResult(found)
	require.NoError(t, err)
	assert.True(t, isRepeat)
	assert.Equal(t, eventstore.AppendResult{
		Writes: []eventstore.WriteResult{
			{Version: 5, Position: 32},
			{},
			{Version: 9, Position: 33},
		},
		Position: 33,
	}, result)
}

func TestFirstResultOfANewAppend(t *testing.T) {
	prepared, found := repeated(t)
	_, isRepeat, err := prepared.FirstResult(nil)
	require.NoError(t, err)
	assert.False(t, isRepeat)

	for i := range found {
		found[i].Stream = basket // IDs count only in the stream that they are given for
	}
	_, isRepeat, err = prepared.FirstResult(found)
	require.NoError(t, err)
	assert.False(t, isRepeat)
}

func TestFirstResultOfIDsUsedForOtherEvents(t *testing.T) {
	for name, c := range map[string]struct {
		change func(found []eventstore.RecordedEvent) []eventstore.RecordedEvent
		says   string
	}{
		"one stream only": {
			func(found []eventstore.RecordedEvent) []eventstore.RecordedEvent { return found[:1] },
			"is not there, although others of the append are",
		},
		"one event missing": {
			func(found []eventstore.RecordedEvent) []eventstore.RecordedEvent { return found[:2] },
			"is not there, although others of the append are",
		},
		"another type": {
			func(found []eventstore.RecordedEvent) []eventstore.RecordedEvent { found[0].Type = "u"; return found },
			"has another type or other data",
		},
		"other data": {
			func(found []eventstore.RecordedEvent) []eventstore.RecordedEvent { found[1].Data = nil; return found },
			"has another type or other data",
		},
		"another order": {
			func(found []eventstore.RecordedEvent) []eventstore.RecordedEvent { found[1].Version = 3; return found },
			"does not follow the event before it",
		},
		"not together": {
			func(found []eventstore.RecordedEvent) []eventstore.RecordedEvent { found[1].Version = 6; return found },
			"does not follow the event before it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			prepared, found := repeated(t)
			_, isRepeat, err := prepared.FirstResult(c.change(found))
			assert.False(t, isRepeat)
			assert.ErrorIs(t, err, eventstore.ErrIDReused)
			assert.ErrorContains(t, err, "append to stream ")
			assert.ErrorContains(t, err, c.says)
		})
	}
}
