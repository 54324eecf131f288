package pgstore

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

// Between sqlReadAll and sqlPage come the conditions of a filter.
const (
	sqlReadAll = `
		SELECT ` + eventColumns + `
		FROM {schema}.events
		WHERE position > $1 AND position <= $2`

	sqlPage = `
		ORDER BY position
		LIMIT $3`
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
	pages := newPager()
	view, err := s.look(ctx, query, after, pages.limit)
	if err != nil {
		return err
	}
	for page := view.page; ; {
		for _, event := range page.events {
			if !yield(event, nil) {
				return nil
			}
			after = event.Position
		}
		if !page.full {
			return nil
		}
		pages.read(page)
		if page, err = s.pageUpTo(ctx, query, after, view.stable, pages.limit); err != nil {
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
	if v.page.full {
		return v.page.events[len(v.page.events)-1].Position
	}
	return max(after, v.stable)
}

// look reads the stable bound and then, with a newer snapshot, a page of events after a position and up to the bound.
// All of it happens on one connection: a bound from before a crash must not be used after it.
func (s *Store) look(ctx context.Context, query allQuery, after eventstore.Position, limit int) (view view, err error) {
	err = s.withConn(ctx, func(conn *pgx.Conn) error {
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
		return view, fmt.Errorf("%w, which is at position %d", eventstore.ErrBeyondHead, view.head)
	}
	s.settled.raise(view.stable)
	return view, nil
}

// pageUpTo reads a page of events up to a position that a look has found stable.
func (s *Store) pageUpTo(
	ctx context.Context, query allQuery, after, stable eventstore.Position, limit int,
) (page page, err error) {
	err = s.withConn(ctx, func(conn *pgx.Conn) error {
		batch := &pgx.Batch{}
		batch.Queue(sqlBeginRead)
		query.queue(batch, after, stable, limit, &page)
		batch.Queue(sqlCommit)
		return conn.SendBatch(ctx, batch).Close()
	})
	return page, err
}

// allQuery reads the events of all streams that a filter selects.
type allQuery struct {
	statement string
	arguments []any
}

func (s *Store) newAllQuery(after eventstore.Position, filter eventstore.Filter) (allQuery, error) {
	if after < 0 {
		return allQuery{}, fmt.Errorf("%w: the position is %d, the least is 0", eventstore.ErrInvalid, after)
	}
	if err := filter.Validate(); err != nil {
		return allQuery{}, err
	}
	conditions, arguments := "", []any(nil)
	add := func(column string, names []string) {
		arguments = append(arguments, names)
		conditions += fmt.Sprintf(" AND %s = ANY ($%d)", column, 3+len(arguments))
	}
	if len(filter.Categories) > 0 {
		add("category", filter.Categories)
	} else {
		conditions += " AND category NOT LIKE '$%'"
	}
	if len(filter.Types) > 0 {
		add("type", filter.Types)
	}
	return allQuery{statement: s.sql.readAll + conditions + sqlPage, arguments: arguments}, nil
}

func (q allQuery) queue(batch *pgx.Batch, after, bound eventstore.Position, limit int, page *page) {
	arguments := append([]any{after, bound, limit}, q.arguments...)
	batch.Queue(q.statement, arguments...).Query(func(rows pgx.Rows) (err error) {
		*page, err = collectPage(rows, limit)
		return err
	})
}
