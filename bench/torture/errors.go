package main

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pasttense/pasttense/eventstore"
)

// Kinds of errors that are expected here.
const (
	conflictError   = "conflict"
	unknownError    = "outcome unknown"
	connectionError = "connection lost or refused"
	deadlineError   = "caller's deadline"
)

// classify returns the kind of an error, and "" for one that nobody should get.
func classify(err error) string {
	var conflict *eventstore.ConflictError
	switch {
	case errors.Is(err, eventstore.ErrOutcomeUnknown):
		return unknownError
	case errors.As(err, &conflict):
		return conflictError
	case isOurs(err):
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		return deadlineError
	case isConnectionError(err):
		return connectionError
	default:
		return ""
	}
}

// isOurs reports whether the library has refused something for a reason that does not exist here.
func isOurs(err error) bool {
	return errors.Is(err, eventstore.ErrInvalid) || errors.Is(err, eventstore.ErrIDReused) ||
		errors.Is(err, eventstore.ErrBeyondHead) || errors.Is(err, eventstore.ErrClosed)
}

func isConnectionError(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch pgErr.Code {
		case "57P01", "57P02", "57P03", "08006": // terminated, crash of another backend, starting up, broken pipe
			return true
		}
		return false
	}
	var netErr net.Error
	var connectErr *pgconn.ConnectError
	return errors.As(err, &netErr) || errors.As(err, &connectErr) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, pgx.ErrTxClosed)
}
