package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// maxDoublings bounds the time that the database is given to answer.
const maxDoublings = 5

// errNoAnswer means that a connection was given up because nothing came for too long.
var errNoAnswer = errors.New("the database did not answer in time")

// withConn lends a connection to use, as a call of its own.
func (s *Store) withConn(ctx context.Context, use func(conn *pgx.Conn) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.lend(ctx, use)
}

// read lends a connection to use, which only reads, as a call of its own. It is repeated on another connection, and
// given twice the time, when the database has not answered.
func (s *Store) read(ctx context.Context, use func(conn *pgx.Conn) error) error {
	return s.untilAnswered(ctx, use)
}

// untilAnswered does what read does, also for what writes and does no harm when it is done twice.
func (s *Store) untilAnswered(ctx context.Context, use func(conn *pgx.Conn) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	for late := 0; ; late++ {
		err := s.lendFor(ctx, s.answerTimeout(late), use)
		if late == maxDoublings || !errors.Is(err, errNoAnswer) {
			return err
		}
	}
}

// answerTimeout is how long the database has for its answer, after it was late so many times. It doubles, as what takes
// long may be the work, and the connection sound.
func (s *Store) answerTimeout(late int) time.Duration {
	return s.options.AnswerTimeout << min(late, maxDoublings)
}

// lendFor lends a connection for a limited time. Then whatever use waits for on it fails, and the connection is closed: a
// peer that was cut off, or stopped, says nothing, and TCP may take a quarter of an hour to notice.
func (s *Store) lendFor(ctx context.Context, limit time.Duration, use func(conn *pgx.Conn) error) error {
	return s.lend(ctx, func(conn *pgx.Conn) error {
		// A deadline on the socket costs less than a context.
		network, deadline := conn.PgConn().Conn(), time.Now().Add(limit)
		_ = network.SetDeadline(deadline)
		err := use(conn)
		switch {
		case time.Now().After(deadline):
			_ = conn.Close(ctx)
			if err != nil && ctx.Err() == nil {
				s.options.Logger.WarnContext(ctx, "gave up a connection on which the database did not answer", "after", limit,
					"error", err)
				return fmt.Errorf("%w (%s): %w", errNoAnswer, limit, err)
			}
		case !conn.IsClosed(): // otherwise pgx has set a deadline for its farewell
			_ = network.SetDeadline(time.Time{})
		}
		return err
	})
}

// lastWords is how long a connection that has failed keeps its place in the pool.
const lastWords = time.Second

// hangUp is the pool's hook for connections that it is to close. Of one that has failed pgx awaits what the server still
// says, for a quarter of a minute; a server that is there is quick about it.
func hangUp(conn *pgx.Conn) {
	if !conn.IsClosed() {
		return
	}
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case <-conn.PgConn().CleanupDone():
	case <-timer.C:
		_ = conn.PgConn().Conn().Close()
	}
}

// lend lends a connection to use. A transaction that use leaves open is rolled back.
func (s *Store) lend(ctx context.Context, use func(conn *pgx.Conn) error) error {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return &lostConnectionError{fmt.Errorf("connect to the database: %w", err)}
	}
	defer pooled.Release()
	err = use(pooled.Conn())
	rollBack(ctx, pooled.Conn().PgConn())
	if err != nil && pooled.Conn().IsClosed() {
		if ctx.Err() == nil {
			s.pool.Reset() // a server that has restarted has left the other connections behind, too
		}
		return &lostConnectionError{err}
	}
	return err
}

// rollBack ends a transaction that is still open. When it cannot, the pool closes the connection.
func rollBack(ctx context.Context, conn *pgconn.PgConn) {
	if conn.IsClosed() || conn.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = conn.Exec(ctx, "ROLLBACK").ReadAll()
}
