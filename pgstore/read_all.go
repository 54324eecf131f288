package pgstore

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

// scanEvents is how many events a query for some of them looks at. Without that bound it could run for long, and tell
// nothing on the way, where a filter selects little: no index serves filters.
const scanEvents = 20_000

// Between sqlReadAll or sqlReadSome and sqlPage come the conditions of a filter.
const (
	// sqlReadAll is for what selects most events, or those after a position that is not far from the head.
	sqlReadAll = `
		SELECT ` + eventColumns + `
		FROM {schema}.events
		WHERE position > $1 AND position <= $2`

	// sqlReadSome looks at a limited number of events.
	sqlReadSome = `
		SELECT ` + eventColumns + `
		FROM (
			SELECT *
			FROM {schema}.events
			WHERE position > $1 AND position <= $2
			ORDER BY position
			LIMIT $4
		) AS scanned
		WHERE true`

	sqlPage = `
		ORDER BY position
		LIMIT $3`

	// sqlScanned gives the position at which sqlReadSome ended when it found too little to fill the page.
	sqlScanned = `
		SELECT coalesce(max(position), $2::bigint)
		FROM (
			SELECT position
			FROM {schema}.events
			WHERE position > $1 AND position <= $2
			ORDER BY position
			OFFSET $3 - 1 LIMIT 1
		) AS last`
)

// ReadAll implements [eventstore.Store]. It reads in pages and gives the connection back before it yields a page's
// events.
func (s *Store) ReadAll(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		if err := s.readAll(ctx, after, filter, yield); err != nil {
			yield(eventstore.RecordedEvent{}, fmt.Errorf("read all events after position %d: %w", after, err))
		}
	}
}

// readAll returns nil when it is done and when yield has had enough.
func (s *Store) readAll(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
	yield func(eventstore.RecordedEvent, error) bool,
) error {
	query, err := s.newAllQuery(after, filter)
	if err != nil {
		return err
	}
	pages := newReadPager()
	view, err := s.look(ctx, query, after, pages.limit)
	if err != nil {
		return err
	}
	for page := view.page; ; {
		for _, event := range page.events {
			if !yield(event, nil) {
				return nil
			}
		}
		if !page.full {
			return nil
		}
		pages.read(page)
		after = page.through
		if page, err = s.pageUpTo(ctx, page.events, query, after, view.stable, pages.limit); err != nil {
			return err
		}
	}
}

// view is what one look at the whole store brings.
type view struct {
	page     page
	stable   eventstore.Position // the highest committed position at or below the stable bound
	head     eventstore.Position // the highest committed position
	heldBack bool                // an append in flight keeps the bound below what was drawn
}

// through is the position up to which a reader that began after a position has now seen everything.
func (v view) through(after eventstore.Position) eventstore.Position {
	return max(after, v.page.through)
}

// look reads the stable bound and then, with a newer snapshot, a page of events after a position and up to the bound.
// All of it happens on one connection: a bound from before a crash must not be used after it.
func (s *Store) look(ctx context.Context, query allQuery, after eventstore.Position, limit int) (view view, err error) {
	err = s.read(ctx, func(conn *pgx.Conn) error {
		bound, heldBack, err := s.stableBound(ctx, conn)
		if err != nil {
			return err
		}
		view.heldBack = heldBack
		batch := &pgx.Batch{}
		query.queue(batch, after, bound, limit, &view.page)
		batch.Queue(s.sql.heads, bound).QueryRow(func(row pgx.Row) error { return row.Scan(&view.stable, &view.head) })
		batch.Queue(sqlCommit)
		return conn.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return view, err
	}
	if view.head < after {
		return view, beyondHead(view.head)
	}
	s.settled.raise(view.stable)
	err = s.tellThrough(ctx, &view.page, query, after, view.stable)
	return view, err
}

// pageUpTo reads a page of events up to a position that a look has found stable. It uses the memory of a slice that the
// caller no longer needs, nil for none.
func (s *Store) pageUpTo(
	ctx context.Context, into []eventstore.RecordedEvent, query allQuery, after, stable eventstore.Position, limit int,
) (page, error) {
	page, err := s.readPage(ctx, newDecoder(), into, limit, query.statement, query.bind(after, stable, limit)...)
	if err != nil {
		return page, err
	}
	err = s.tellThrough(ctx, &page, query, after, stable)
	return page, err
}

// tellThrough completes a page that was read up to a stable position. Nothing changes at or below that, so it may ask
// in a transaction of its own how far the query has come.
func (s *Store) tellThrough(
	ctx context.Context, page *page, query allQuery, after, stable eventstore.Position,
) error {
	switch {
	case page.full:
		page.through = page.last().Position
		return nil
	case query.scan == 0 || stable-after <= eventstore.Position(query.scan): // it has come to the end
		page.through = stable
		return nil
	}
	err := s.read(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, s.sql.scanned, after, stable, query.scan).Scan((*int64)(&page.through))
	})
	page.full = page.through < stable
	return err
}

// allQuery reads the events of all streams that a filter selects.
type allQuery struct {
	statement string
	arguments []any // of the filter
	scan      int   // how many events the statement looks at; 0 is no limit
}

// newAllQuery returns the query of a reader that may be far behind. Where its filter selects little, it looks at a
// limited number of events at a time.
func (s *Store) newAllQuery(after eventstore.Position, filter eventstore.Filter) (allQuery, error) {
	if err := validateRead(after, filter); err != nil {
		return allQuery{}, err
	}
	selection := selectionOf(filter)
	if selection.anyCategory && selection.anyType {
		return newPlainQuery(s.sql.readAll, selection), nil
	}
	conditions, arguments := selection.where(5)
	return allQuery{statement: s.sql.readSome + conditions + sqlPage, arguments: arguments, scan: scanEvents}, nil
}

// newPlainQuery returns a query that looks at as many events as there are.
func newPlainQuery(readAll string, selection selection) allQuery {
	conditions, arguments := selection.where(4)
	return allQuery{statement: readAll + conditions + sqlPage, arguments: arguments}
}

func validateRead(after eventstore.Position, filter eventstore.Filter) error {
	if after < 0 {
		return fmt.Errorf("%w: the position is %d, the least is 0", eventstore.ErrInvalid, after)
	}
	return filter.Validate()
}

func beyondHead(head eventstore.Position) error {
	return fmt.Errorf("%w, which is at position %d", eventstore.ErrBeyondHead, head)
}

func (q allQuery) queue(batch *pgx.Batch, after, bound eventstore.Position, limit int, page *page) {
	batch.Queue(q.statement, q.bind(after, bound, limit)...).Query(func(rows pgx.Rows) (err error) {
		*page, err = collectPage(rows, newDecoder(), limit, nil)
		return err
	})
}

// bind returns the arguments of the statement.
func (q allQuery) bind(after, bound eventstore.Position, limit int) []any {
	arguments := []any{int64(after), int64(bound), limit}
	if q.scan > 0 {
		arguments = append(arguments, q.scan)
	}
	return append(arguments, q.arguments...)
}
