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
		SELECT ` + streamColumns + `
		FROM {schema}.events
		WHERE category = $1 AND stream_key = $2 AND version >= $3
		ORDER BY version
		LIMIT $4`

	sqlReadBackwards = `
		SELECT ` + streamColumns + `
		FROM {schema}.events
		WHERE category = $1 AND stream_key = $2 AND version <= $3
		ORDER BY version DESC
		LIMIT $4`

	sqlHead = `SELECT coalesce(max(position), 0) FROM {schema}.events`
)

// ReadStream implements [eventstore.Store]. It reads in pages and gives the connection back before it yields a page's
// events. Calls that read forwards and come while others do share statements for their first pages; each is to itself
// what it would be alone, also when a statement fails.
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
	read := streamRead{stream: id, from: opts.From, backwards: opts.Backwards}
	if read.backwards && read.from == 0 {
		read.from = math.MaxInt64
	}
	wanted := opts.Limit
	if wanted == 0 {
		wanted = math.MaxInt
	}
	pages := newReadPager()
	read.limit = min(pages.limit, wanted)
	page, err := s.readFirst(ctx, read)
	for ; err == nil; page, err = s.readAlone(ctx, read, page.events) {
		for _, event := range page.events {
			if !yield(event, nil) {
				return nil
			}
		}
		wanted -= len(page.events)
		if !page.full || wanted == 0 {
			return nil
		}
		pages.read(page)
		read.limit = min(pages.limit, wanted)
		read.goOn(page.last().Version)
	}
	return err
}

// streamRead is what is to be read for a page of a stream.
type streamRead struct {
	stream    eventstore.StreamID
	from      eventstore.Version
	backwards bool
	limit     int
}

// goOn moves on to what comes after a version.
func (r *streamRead) goOn(last eventstore.Version) {
	if r.backwards {
		r.from = last - 1
	} else {
		r.from = last + 1
	}
}

// readAlone reads a page with a statement of its own. It uses the memory of a slice that is no longer needed.
func (s *Store) readAlone(ctx context.Context, read streamRead, into []eventstore.RecordedEvent) (page, error) {
	statement := s.sql.readForwards
	if read.backwards {
		statement = s.sql.readBackwards
	}
	return s.readPage(ctx, newStreamDecoder(read.stream), into, read.limit,
		statement, read.stream.Category, read.stream.Key, int64(read.from), read.limit)
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
