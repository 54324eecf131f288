package pgstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// S4: an append that has drawn its positions and is not committed yet hides the ones after it, whichever statement has
// drawn them: that of a single event, that of a batch, and that of a transaction which was begun before. The append is
// stopped in between by somebody's uncommitted row, which takes the version that it wants.
func TestAnAppendInFlightHidesLaterOnes(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name    string
		events  int
		prepare func(*proxy)
	}{
		{"a single event", 1, (*proxy).expose},
		{"a batch", 2, (*proxy).expose},
		{"behind a pooler", 2, (*proxy).hideBackends},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			url := migrated.Database(t)
			proxy, proxied := newProxy(t, url)
			way.prepare(proxy)
			store, reader, pool := open(t, proxied, pgstore.Options{}), open(t, url, pgstore.Options{}), newPool(t, url)
			var seen []eventstore.RecordedEvent
			after := func() (position eventstore.Position) {
				if len(seen) > 0 {
					position = seen[len(seen)-1].Position
				}
				return position
			}
			const rounds = 10
			for round := range rounds {
				stopped := eventstore.StreamID{Category: "order", Key: fmt.Sprint(round)}
				release := occupy(t, pool, stopped)
				var appending sync.WaitGroup
				appending.Go(func() {
					_, err := store.Append(t.Context(), added(stopped, way.events))
					assert.NoError(t, err)
				})
				awaitBlocked(t, pool)
				_, err := reader.Append(t.Context(), added(order42, 1))
				require.NoError(t, err)
				seen = append(seen, collect(t, reader.ReadAll(t.Context(), after(), eventstore.Filter{}))...)
				release()
				appending.Wait()
			}
			seen = append(seen, collect(t, reader.ReadAll(t.Context(), after(), eventstore.Filter{}))...)
			assert.Len(t, seen, rounds*(way.events+1))
		})
	}
}

// occupy takes the first version of a stream in a transaction that is no append, until release rolls it back.
func occupy(t *testing.T, pool *pgxpool.Pool, stream eventstore.StreamID) (release func()) {
	t.Helper()
	tx := begin(t, pool, pgx.TxOptions{})
	_, err := tx.Exec(t.Context(), `
		INSERT INTO pasttense.events (position, version, event_id, schema_version, id_given, category, stream_key, type,
			content_type)
		VALUES (-1, 1, $1, 1, false, $2, $3, '', '')`, uuid.New(), stream.Category, stream.Key)
	require.NoError(t, err)
	return func() { assert.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }
}
