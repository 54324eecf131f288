package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// Which statement inserts an append depends on how many events it has, and on what it expects of its streams.
func TestEveryInsertAnswersAlike(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	other := eventstore.StreamID{Category: "order", Key: "43"}
	for _, events := range []int{1, 2} {
		stream := eventstore.StreamID{Category: "order", Key: string(rune('0' + events))}
		n := eventstore.Version(events)
		refused := func(found eventstore.Version, writes ...eventstore.Write) {
			t.Helper()
			_, err := store.Append(t.Context(), writes...)
			var conflict *eventstore.ConflictError
			require.ErrorAs(t, err, &conflict)
			assert.Equal(t, stream, conflict.Stream)
			assert.Equal(t, found, conflict.Actual)
		}
		accepted := func(version eventstore.Version, writes ...eventstore.Write) {
			t.Helper()
			result, err := store.Append(t.Context(), writes...)
			require.NoError(t, err)
			assert.Equal(t, version, result.Writes[0].Version)
			found := collect(t, store.ReadStream(t.Context(), stream, eventstore.ReadOptions{}))
			require.Len(t, found, int(version))
			assert.Equal(t, found[version-1].Position, result.Writes[0].Position)
		}
		refused(0, expecting(eventstore.StreamExists, added(stream, events)))
		refused(0, expecting(eventstore.Exactly(1), added(stream, events)))
		refused(0, expecting(eventstore.Exactly(1), added(stream, events)),
			expecting(eventstore.NoStream, added(other, events)))
		accepted(n, expecting(eventstore.NoStream, added(stream, events)))
		refused(n, expecting(eventstore.NoStream, added(stream, events)))
		refused(n, expecting(eventstore.Exactly(n+1), added(stream, events)))
		accepted(2*n, expecting(eventstore.Exactly(n), added(stream, events)))
		accepted(3*n, expecting(eventstore.StreamExists, added(stream, events)))
		accepted(4*n, added(stream, events))
		refused(4*n, expecting(eventstore.Exactly(n), added(stream, events)),
			expecting(eventstore.NoStream, added(other, events)))
	}
	assert.Empty(t, stream(t, store, other), "it was appended to only with streams that were not as expected")
}
