package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlInFlight tells whether a transaction that appended is still open, by its advisory lock: Postgres releases that
	// only after the commit is visible. A server that has restarted since has no such lock.
	sqlInFlight = `
		SELECT EXISTS (
			SELECT FROM pg_locks
			WHERE locktype = 'advisory' AND classid = {oid} AND objsubid = 2 AND mode = 'ShareLock' AND granted
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND pid = $1 AND objid::bigint = $2
		)`

	// sqlOwnIDs finds events by ID within given streams. LATERAL with OFFSET 0 makes it look stream by stream, through
	// the index of versions.
	sqlOwnIDs = `
		SELECT ` + eventColumns + `
		FROM unnest($1::text[], $2::text[]) AS w (in_category, in_key)
		CROSS JOIN LATERAL (
			SELECT * FROM {schema}.events AS e
			WHERE e.category = w.in_category AND e.stream_key = w.in_key AND e.event_id = ANY ($3)
			OFFSET 0
		) AS e`
)

// resolve finds out what became of an append whose commit was not answered: first that its transaction is over, lest it
// commit after the look, then whether its events are there. It keeps trying until the database answers or ctx ends.
func (s *Store) resolve(ctx context.Context, a *attempt) (result eventstore.AppendResult, found bool, err error) {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		over := false
		err := s.withConn(ctx, func(conn *pgx.Conn) (err error) {
			over, err = s.isOver(ctx, conn, a)
			if err != nil || !over {
				return err
			}
			result, found, err = s.lookUp(ctx, conn, a.prepared)
			return err
		})
		if err == nil && over {
			return result, found, nil
		}
		if errors.Is(err, eventstore.ErrIDReused) || errors.Is(err, eventstore.ErrClosed) {
			return eventstore.AppendResult{}, false, fmt.Errorf("%w: %w", eventstore.ErrOutcomeUnknown, err)
		}
		if err := sleep(ctx, pause); err != nil {
			return eventstore.AppendResult{}, false, fmt.Errorf("%w: %w", eventstore.ErrOutcomeUnknown, err)
		}
	}
}

func (s *Store) isOver(ctx context.Context, conn *pgx.Conn, a *attempt) (bool, error) {
	var inFlight bool
	err := conn.QueryRow(ctx, s.sql.inFlight, a.backend, a.lockKey).Scan(&inFlight)
	return !inFlight, err
}

func (s *Store) lookUp(
	ctx context.Context, conn *pgx.Conn, prepared eventstore.Prepared,
) (eventstore.AppendResult, bool, error) {
	categories, keys := streamNames(prepared.Writes)
	rows, err := conn.Query(ctx, s.sql.ownIDs, categories, keys, eventIDs(prepared.Writes))
	if err != nil {
		return eventstore.AppendResult{}, false, err
	}
	events, err := pgx.CollectRows(rows, scanEvent)
	if err != nil {
		return eventstore.AppendResult{}, false, err
	}
	return prepared.FirstResult(events)
}
