package main

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pasttense/pasttense/eventstore"
)

// sqlInsertNext leaves it to the unique constraint to stop the slower of two that saw the same version.
const sqlInsertNext = `
	INSERT INTO limit_events (position, version, event_id, schema_version, id_given, category, stream_key, type,
		content_type, data)
	SELECT nextval('limit_events_position'), coalesce(max(version), 0) + 1, $1, $2, false, $3, $4, $5, $6, $7::json
	FROM limit_events
	WHERE category = $3 AND stream_key = $4`

// appendHot appends to few streams, whatever their versions.
func appendHot(callers, streams int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		store, err := db.openStore(ctx, appendConnections)
		if err != nil {
			return nil, err
		}
		hot, events := newStreams(streams), newEvents(1)
		return throughput{callers: callers, amount: 1, call: func(ctx context.Context) error {
			_, err := store.Append(ctx, eventstore.Write{
				Stream: hot[rand.IntN(len(hot))], Expected: eventstore.AnyVersion, Events: events,
			})
			return err
		}}, nil
	}
}

// insertHot inserts rows of few streams, each with its stream's next version.
func insertHot(callers, streams int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		pool, err := db.openPool(ctx, appendConnections)
		if err != nil {
			return nil, err
		}
		hot, data := newStreams(streams), newEvent().Data
		return throughput{callers: callers, amount: 1, call: func(ctx context.Context) error {
			return insertNext(ctx, pool, hot[rand.IntN(len(hot))], data)
		}}, nil
	}
}

// insertNext tries until no other was faster.
func insertNext(ctx context.Context, db querier, stream eventstore.StreamID, data []byte) error {
	for {
		_, err := db.Exec(ctx, sqlInsertNext, newID(), int16(1), stream.Category, stream.Key, itemType,
			"application/json", data)
		if !isUniqueViolation(err) {
			return err
		}
	}
}

func isUniqueViolation(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "23505"
}
