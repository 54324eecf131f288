package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pasttense/pasttense/eventstore"
)

// SQLSTATE codes, from appendix A of the Postgres manual.
const (
	codeUniqueViolation      = "23505"
	codeSerializationFailure = "40001"
	codeDeadlockDetected     = "40P01"
	codeLockNotAvailable     = "55P03"
	codeUndefinedTable       = "42P01"
	codeInvalidSchemaName    = "3F000"

	classConnectionException  = "08"
	classOperatorIntervention = "57P" // shutdown, crash, starting up, terminated
)

// versionConstraint is what lets one append win of those that want the same version of a stream.
const versionConstraint = "events_version_key"

// isRace reports whether a statement failed because of another transaction, so that a new transaction may do better.
func isRace(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return false
	}
	switch pgErr.Code {
	case codeUniqueViolation:
		return pgErr.ConstraintName == versionConstraint
	case codeSerializationFailure, codeDeadlockDetected, codeLockNotAvailable:
		return true
	default:
		return false
	}
}

// isConnectionLoss reports whether err means that the connection broke or could not be made, while ctx goes on.
func isConnectionLoss(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, eventstore.ErrClosed) || isConflict(err) || errors.Is(err, eventstore.ErrIDReused) {
		return false
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return strings.HasPrefix(pgErr.Code, classConnectionException) ||
			strings.HasPrefix(pgErr.Code, classOperatorIntervention)
	}
	return true
}

// isRefusal reports whether the database answered a commit with an error and did not commit. A fatal error says that
// the session ends, which may be after the commit.
func isRefusal(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.SeverityUnlocalized == "ERROR"
}

func isConflict(err error) bool {
	var conflict *eventstore.ConflictError
	return errors.As(err, &conflict)
}

// lostRace turns the error of an insert that came second into a conflict. The transaction that it happened in cannot
// look any more, so the version is unknown.
func (d *decision) lostRace(err error) error {
	write := d.prepared.Writes[0]
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		for i, other := range d.prepared.Writes {
			// The detail quotes the key that is there already, in whatever language.
			key := fmt.Sprintf("(%s, %s, %d)", other.Stream.Category, other.Stream.Key, d.versions[i]+1)
			if strings.Contains(pgErr.Detail, key) {
				write = other
			}
		}
	}
	conflict := &eventstore.ConflictError{
		Stream: write.Stream, Expected: write.Expected, Actual: eventstore.VersionUnknown,
	}
	return fmt.Errorf("%w (%w)", conflict, err)
}
