package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

var _ eventstore.Counter = (*Store)(nil)

// Between sqlCount and sqlCountLimit come the conditions of a filter.
const (
	sqlCount = `
		SELECT count(*)
		FROM (
			SELECT FROM {schema}.events
			WHERE position > $1 AND position <= $2`

	sqlCountLimit = `
			LIMIT nullif($3, 0)
		) AS selected`
)

// Count implements [eventstore.Counter]. It looks at every event between the positions, until it has counted up to the
// limit; the database does that much faster than it could send them. As for ReadAll, [eventstore.ErrBeyondHead] means
// that the store has not reached after; through may be beyond the head.
func (s *Store) Count(
	ctx context.Context, after, through eventstore.Position, filter eventstore.Filter, limit int,
) (int, error) {
	count, err := s.count(ctx, after, through, filter, limit)
	if err != nil {
		return 0, fmt.Errorf("count the events after position %d up to %d: %w", after, through, err)
	}
	return count, nil
}

func (s *Store) count(
	ctx context.Context, after, through eventstore.Position, filter eventstore.Filter, limit int,
) (count int, err error) {
	if limit < 0 {
		return 0, fmt.Errorf("%w: the limit is %d, the least is 0", eventstore.ErrInvalid, limit)
	}
	if err := validateRead(after, filter); err != nil {
		return 0, err
	}
	conditions, names := selectionOf(filter).where(4)
	var head eventstore.Position
	err = s.withConn(ctx, func(conn *pgx.Conn) error {
		bound, _, err := s.stableBound(ctx, conn)
		if err != nil {
			return err
		}
		arguments := append([]any{int64(after), int64(min(through, bound)), limit}, names...)
		batch := &pgx.Batch{}
		batch.Queue(s.sql.count+conditions+sqlCountLimit, arguments...).
			QueryRow(func(row pgx.Row) error { return row.Scan(&count) })
		batch.Queue(s.sql.head).QueryRow(func(row pgx.Row) error { return row.Scan(&head) })
		batch.Queue(sqlCommit)
		return conn.SendBatch(ctx, batch).Close()
	})
	if err == nil && head < after {
		err = beyondHead(head)
	}
	return count, err
}
