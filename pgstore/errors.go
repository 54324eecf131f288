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
	codeUniqueViolation       = "23505"
	codeSerializationFailure  = "40001"
	codeDeadlockDetected      = "40P01"
	codeLockNotAvailable      = "55P03"
	codeDuplicateObject       = "42710"
	codeDuplicateSchema       = "42P06"
	codeInsufficientPrivilege = "42501"
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

// isRolledBack reports whether the database has ended a transaction in favor of another, so that the same work may do
// better in a new one.
func isRolledBack(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == codeSerializationFailure || pgErr.Code == codeDeadlockDetected)
}

// isLockTimeout reports whether an append has waited too long for a stream that an open transaction has written to.
func isLockTimeout(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == codeLockNotAvailable
}

// lostConnectionError marks an error after which the connection was closed, or that kept it from being made.
type lostConnectionError struct{ error }

func (e *lostConnectionError) Unwrap() error { return e.error }

// isConnectionLoss reports whether err means that the connection broke or could not be made, while ctx goes on.
func isConnectionLoss(ctx context.Context, err error) bool {
	var lost *lostConnectionError
	return ctx.Err() == nil && errors.As(err, &lost)
}

// isRefusal reports whether the database answered a commit with an error and did not commit. A fatal error says that
// the session ends, which may be after the commit.
func isRefusal(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.SeverityUnlocalized == "ERROR" && !isAboutConnections(pgErr.Code)
}

// isAboutConnections reports whether a code is that of a lost connection or a server going down, which a pooler may
// report in whatever way.
func isAboutConnections(code string) bool {
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P")
}

// isVersionTaken reports whether a version that was to be inserted is there already.
func isVersionTaken(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == codeUniqueViolation && pgErr.ConstraintName == versionConstraint
}

// wasNotSent reports whether a batch failed before anything of it was sent.
func wasNotSent(err error) bool {
	var notSent *notSentError
	return errors.As(err, &notSent)
}

func isConflict(err error) bool {
	var conflict *eventstore.ConflictError
	return errors.As(err, &conflict)
}

// lostTo reports whether err says that another transaction has taken the version that one of the writes wanted. The
// database quotes the key that is there already, in whatever language.
func lostTo(err error, writes []eventstore.Write) bool {
	_, lost := lostWrite(err, writes)
	return lost
}

func lostWrite(err error, writes []eventstore.Write) (eventstore.Write, bool) {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != codeUniqueViolation {
		return eventstore.Write{}, false
	}
	for _, write := range writes {
		if strings.Contains(pgErr.Detail, fmt.Sprintf("=(%s, %s, ", write.Stream.Category, write.Stream.Key)) {
			return write, true
		}
	}
	return eventstore.Write{}, false
}

// lostRace turns the error of an append in a caller's transaction that came second into a conflict. The transaction can
// look no more, so the version is unknown. To wait too long for a lock, by a timeout of the caller's, is no conflict.
func lostRace(err error, writes []eventstore.Write) error {
	if !isRace(err) || isLockTimeout(err) {
		return err
	}
	write, found := lostWrite(err, writes)
	if !found {
		write = writes[0]
	}
	conflict := &eventstore.ConflictError{
		Stream: write.Stream, Expected: write.Expected, Actual: eventstore.VersionUnknown,
	}
	return fmt.Errorf("%w (%w)", conflict, err)
}
