package pgstore

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pasttense/pasttense/eventstore"
)

// state is what decides whether a partition's checkpoint can be moved.
type state struct {
	found    bool
	position eventstore.Position
	epoch    int64
	paused   bool
	reason   string
}

func (s *state) scan(row pgx.Row) error { return s.scanBefore(row) }

// scanBefore scans a row that has more columns behind those of the state.
func (s *state) scanBefore(row pgx.Row, more ...any) error {
	err := row.Scan(append([]any{&s.position, &s.epoch, &s.paused, &s.reason}, more...)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	s.found = err == nil
	return err
}

func (s *state) isAt(position eventstore.Position, epoch int64) bool {
	return s.found && s.position == position && s.epoch == epoch
}

// moved says why something cannot be done at a position in an epoch.
func (s *state) moved(position eventstore.Position, epoch int64) error {
	switch {
	case !s.found:
		return fmt.Errorf("%w: there is no such partition", eventstore.ErrCheckpointMoved)
	case s.position != position:
		return fmt.Errorf("%w: it is at %d", eventstore.ErrCheckpointMoved, s.position)
	default:
		return fmt.Errorf("%w: it is in epoch %d, not %d", eventstore.ErrCheckpointMoved, s.epoch, epoch)
	}
}

// refuse returns why a move cannot be made, nil when it can.
func (s *state) refuse(move eventstore.Move) error {
	switch {
	case s.found && s.paused:
		return fmt.Errorf("%w: %s", eventstore.ErrPaused, s.reason)
	case !s.isAt(move.From, move.Epoch):
		return s.moved(move.From, move.Epoch)
	default:
		return nil
	}
}

// countRows notes how many rows a statement has changed.
func countRows(rows *int64) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		*rows = tag.RowsAffected()
		return nil
	}
}
