package pgstore

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	sqlReadForwards = `
		SELECT ` + eventColumns + `
		FROM {schema}.events
		WHERE category = $1 AND stream_key = $2 AND version >= $3
		ORDER BY version
		LIMIT $4`

	sqlReadBackwards = `
		SELECT ` + eventColumns + `
		FROM {schema}.events
		WHERE category = $1 AND stream_key = $2 AND version <= $3
		ORDER BY version DESC
		LIMIT $4`

	sqlHead = `SELECT coalesce(max(position), 0) FROM {schema}.events`
)

// ReadStream implements [eventstore.Store]. It reads in pages and gives the connection back before it yields a page's
// events.
func (s *Store) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		if err := s.readStream(ctx, id, opts, yield); err != nil {
			yield(eventstore.RecordedEvent{}, fmt.Errorf("read stream %q: %w", id, err))
		}
	}
}

// readStream returns nil when it is done and when yield has had enough.
func (s *Store) readStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
	yield func(eventstore.RecordedEvent, error) bool,
) error {
	if err := id.Validate(); err != nil {
		return err
	}
	if err := opts.Validate(); err != nil {
		return err
	}
	statement, next, step := s.sql.readForwards, opts.From, eventstore.Version(1)
	if opts.Backwards {
		statement, step = s.sql.readBackwards, -1
		if next == 0 {
			next = math.MaxInt64
		}
	}
	wanted := opts.Limit
	if wanted == 0 {
		wanted = math.MaxInt
	}
	var page page
	for pages := newReadPager(); ; pages.read(page) {
		limit := min(pages.limit, wanted)
		var err error
		page, err = s.readPage(ctx, page.events, limit, statement, id.Category, id.Key, next, limit)
		if err != nil {
			return err
		}
		for _, event := range page.events {
			if !yield(event, nil) {
				return nil
			}
		}
		wanted -= len(page.events)
		if !page.full || wanted == 0 {
			return nil
		}
		next = page.last().Version + step
	}
}

// Head implements [eventstore.Store].
func (s *Store) Head(ctx context.Context) (head eventstore.Position, err error) {
	err = s.read(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, s.sql.head).Scan(&head)
	})
	if err != nil {
		return 0, fmt.Errorf("read the head of the store: %w", err)
	}
	return head, nil
}
