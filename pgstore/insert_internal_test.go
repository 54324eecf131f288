package pgstore

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// A stream that is believed to be new is not sent, unless another of its group, or its own event IDs, may keep its
// events from being inserted.
func TestStreamsThatCannotFailAreNotSent(t *testing.T) {
	t.Parallel()
	in := newInsert(newPlan([]*call{
		callExpecting(t, uuid.Nil, map[string]eventstore.ExpectedVersion{"new": eventstore.NoStream}),
		callExpecting(t, uuid.Nil, map[string]eventstore.ExpectedVersion{"old": eventstore.Exactly(3)}),
		callExpecting(t, uuid.Nil, map[string]eventstore.ExpectedVersion{
			"new beside old": eventstore.NoStream, "old beside new": eventstore.StreamExists,
		}),
		callExpecting(t, uuid.Nil, map[string]eventstore.ExpectedVersion{
			"new beside new": eventstore.NoStream, "new beside new, too": eventstore.NoStream,
		}),
		callExpecting(t, uuid.New(), map[string]eventstore.ExpectedVersion{"new with ID": eventstore.NoStream}),
	}))
	assert.Equal(t, []string{"new beside old", "new with ID", "old", "old beside new"}, in.streams.key)
	assert.Equal(t, []int64{believedNew, believedNew, 3, int64(eventstore.StreamExists)}, in.streams.required)
	assert.Equal(t, in.streams.group[0], in.streams.group[3])
	assert.Equal(t, []string{
		"new", "new beside new", "new beside new, too", "new beside old", "new with ID", "old", "old beside new",
	}, in.events.key)
	assert.Equal(t, []int32{0, 0, 0, 1, 2, 3, 4}, in.events.stream)
}

// After a doubt no stream is believed to be new.
func TestDoubtedStreamsAreSent(t *testing.T) {
	t.Parallel()
	doubted := callExpecting(t, uuid.Nil, map[string]eventstore.ExpectedVersion{"new": eventstore.NoStream})
	doubted.doubted = true
	assert.Equal(t, []string{"new"}, newInsert(newPlan([]*call{doubted})).streams.key)
}

// callExpecting is an append of an event, with the given ID if any, to each of some streams.
func callExpecting(t *testing.T, id uuid.UUID, streams map[string]eventstore.ExpectedVersion) *call {
	t.Helper()
	var writes []eventstore.Write
	for key, expected := range streams {
		writes = append(writes, eventstore.Write{
			Stream: eventstore.StreamID{Category: "order", Key: key}, Expected: expected,
			Events: []eventstore.EventData{{ID: id, Type: "x", Data: []byte(`{}`)}},
		})
	}
	prepared, err := eventstore.Prepare(t.Context(), writes)
	require.NoError(t, err)
	c, err := newCall(prepared)
	require.NoError(t, err)
	return c
}
