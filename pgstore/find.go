package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pasttense/pasttense/eventstore"
)

var _ eventstore.Finder = (*Store)(nil)

// A look for an ID that no index has goes backwards through windows that grow: what is near is mostly what is asked for,
// and no statement runs for long.
const (
	firstFindWindow = 1000 // events
	maxFindWindow   = 64_000
)

const (
	// sqlFindGiven and sqlFindGivenBefore have OFFSET 0 for what sqlGivenIDs has it for: the index of given IDs is used
	// also where nothing is known of the table.
	sqlFindGiven = `
		SELECT ` + eventColumns + `
		FROM (SELECT * FROM {schema}.events WHERE id_given AND event_id = $1 OFFSET 0) AS e
		WHERE category = $2 AND stream_key = $3`

	sqlFindGivenBefore = `
		SELECT ` + eventColumns + `
		FROM (SELECT * FROM {schema}.events WHERE id_given AND event_id = $1 OFFSET 0) AS e
		WHERE position < $2
		ORDER BY position`

	// sqlFindInWindow counts the events of a window, and gives the position of its first event and of the last one with
	// the ID. Positions have large gaps, so a window is so many events.
	sqlFindInWindow = `
		SELECT count(*), coalesce(min(position), 0), coalesce(max(position) FILTER (WHERE event_id = $1), 0)
		FROM (
			SELECT position, event_id
			FROM {schema}.events
			WHERE position < $2
			ORDER BY position DESC
			LIMIT $3
		) AS looked_at`

	sqlEventAt = `
		SELECT ` + eventColumns + `
		FROM {schema}.events
		WHERE position = $1`
)

// FindGiven implements [eventstore.Finder].
func (s *Store) FindGiven(
	ctx context.Context, stream eventstore.StreamID, id uuid.UUID,
) (eventstore.RecordedEvent, bool, error) {
	events, err := s.findGiven(ctx, stream, id)
	if err != nil {
		return eventstore.RecordedEvent{}, false, fmt.Errorf("find event %s of stream %q: %w", id, stream, err)
	}
	if len(events) == 0 {
		return eventstore.RecordedEvent{}, false, nil
	}
	return events[0], true, nil
}

func (s *Store) findGiven(
	ctx context.Context, stream eventstore.StreamID, id uuid.UUID,
) ([]eventstore.RecordedEvent, error) {
	if err := errors.Join(stream.Validate(), eventstore.ValidateEventID(id)); err != nil {
		return nil, err
	}
	return s.findEvents(ctx, s.sql.findGiven, uuidOf(id), stream.Category, stream.Key)
}

// FindBefore implements [eventstore.Finder]. What it reads backwards it reads by one statement for each 64,000 events at
// most, and holds no connection between them.
func (s *Store) FindBefore(
	ctx context.Context, id uuid.UUID, before eventstore.Position,
) ([]eventstore.RecordedEvent, error) {
	events, err := s.findBefore(ctx, id, before)
	if err != nil {
		return nil, fmt.Errorf("find event %s before position %d: %w", id, before, err)
	}
	return events, nil
}

func (s *Store) findBefore(
	ctx context.Context, id uuid.UUID, before eventstore.Position,
) ([]eventstore.RecordedEvent, error) {
	if err := eventstore.ValidateFindBefore(id, before); err != nil {
		return nil, err
	}
	given, err := s.findEvents(ctx, s.sql.findGivenBefore, uuidOf(id), int64(before))
	if err != nil || len(given) > 0 {
		return given, err
	}
	for window := firstFindWindow; ; window = min(8*window, maxFindWindow) {
		first, at, err := s.findInWindow(ctx, id, before, window)
		switch {
		case err != nil:
			return nil, err
		case at > 0:
			return s.findEvents(ctx, s.sql.eventAt, int64(at))
		case first == 0:
			return nil, nil
		}
		before = first
	}
}

// findInWindow looks at the last events before a position. It returns where the event with the ID is, 0 for nowhere, and
// the position of the first of the events, 0 when there are none before that.
func (s *Store) findInWindow(
	ctx context.Context, id uuid.UUID, before eventstore.Position, window int,
) (first, at eventstore.Position, err error) {
	var count int
	err = s.readRows(ctx, func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&count, (*int64)(&first), (*int64)(&at)}, func() error { return nil })
		return err
	}, s.sql.findInWindow, uuidOf(id), int64(before), window)
	if count < window {
		first = 0
	}
	return first, at, err
}

// findEvents runs a statement that finds a few events.
func (s *Store) findEvents(
	ctx context.Context, statement string, arguments ...any,
) (events []eventstore.RecordedEvent, err error) {
	err = s.readRows(ctx, func(rows pgx.Rows) (err error) {
		events, err = pgx.CollectRows(rows, scanEvent)
		return err
	}, statement, arguments...)
	return events, err
}

// uuidOf returns an ID as pgx sends it in every mode.
func uuidOf(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }
