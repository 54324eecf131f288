package pgtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// killBackend makes the backend's child kill it. The postmaster then takes it that shared memory may be corrupt.
const killBackend = `COPY (SELECT) TO PROGRAM 'kill -9 $PPID'`

// checkpointer is a process that is replaced in a crash, while the postmaster lives on.
const checkpointer = `SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'`

// recoveryPoll is how often Crash looks whether the server is back.
const recoveryPoll = 10 * time.Millisecond

// Crash kills one of the server's backends with kill -9, upon which the server kills all others, gives up its shared memory,
// recovers from the write-ahead log and goes on. Crash returns when the server takes connections again, or with ctx.
//
// What the server had not flushed is lost, acknowledged commits are not, sequences may go back, and every connection breaks: for
// clients it is as if the machine had crashed and come back at once. It may be called while other goroutines use the server.
func (s *Server) Crash(ctx context.Context) error {
	before, err := checkpointerPID(ctx, s.url)
	if err != nil {
		return fmt.Errorf("pgtest: before the crash: %w", err)
	}
	if err := execute(ctx, s.url, killBackend); !lostConnection(err) {
		return fmt.Errorf("pgtest: crash the server, which takes a superuser: %w", err)
	}
	return awaitRecovery(ctx, s.url, before)
}

// lostConnection tells the crash that was asked for from a refusal by the server.
func lostConnection(err error) bool {
	var refusal *pgconn.PgError
	return err != nil && !errors.As(err, &refusal)
}

// awaitRecovery looks for a checkpointer other than the one before: a server that has not yet noticed that it crashed takes
// connections too.
func awaitRecovery(ctx context.Context, databaseURL string, before int) error {
	poll := time.NewTicker(recoveryPoll)
	defer poll.Stop()
	for {
		now, err := checkpointerPID(ctx, databaseURL)
		if err == nil && now != before {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("pgtest: the server has not recovered from the crash: %w", errors.Join(ctx.Err(), err))
		}
	}
}

func checkpointerPID(ctx context.Context, databaseURL string) (pid int, err error) {
	err = connected(ctx, databaseURL, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, checkpointer).Scan(&pid)
	})
	return pid, err
}
