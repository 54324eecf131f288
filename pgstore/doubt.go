package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlEndSession ends a session that a connection has lost, and returns a row while it is still there. A process ID may
	// be another session's by now; its start tells. A server that has restarted since has no such session.
	sqlEndSession = `
		SELECT pg_terminate_backend(pid)
		FROM pg_stat_activity
		WHERE pid = $1 AND backend_start = $2`

	// sqlInFlight tells whether a transaction that appended is still open, by its advisory lock: Postgres releases that
	// only after the commit is visible.
	sqlInFlight = `
		SELECT EXISTS (
			SELECT FROM pg_locks
			WHERE locktype = 'advisory' AND classid = {oid} AND objsubid = 2 AND mode = 'ShareLock' AND granted
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND pid = $1 AND objid::bigint = $2
		)`

	// sqlOwnIDs finds events by ID within given streams. LATERAL with OFFSET 0 makes it look stream by stream, through
	// the index of versions.
	sqlOwnIDs = `
		SELECT ` + eventColumns + `
		FROM unnest($1::text[], $2::text[]) AS w (in_category, in_key)
		CROSS JOIN LATERAL (
			SELECT * FROM {schema}.events AS e
			WHERE e.category = w.in_category AND e.stream_key = w.in_key AND e.event_id = ANY ($3)
			OFFSET 0
		) AS e`
)

// sqlConfirm writes something to the log and commits it as appends do.
const sqlConfirm = `
	SELECT pg_logical_emit_message(true, 'pasttense', ''::text),
		CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END`

// resolve finds out what became of a batch whose commit was not answered: first that its transaction is over, lest it
// commit after the look, then which of its events are there. It keeps trying until the database answers or nobody waits
// any more. The cause is what was lost.
func (s *Store) resolve(a *attempt, cause error) {
	late := 0
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		lost, err := s.lookBack(a, s.answerTimeout(late))
		if err == nil {
			lost = s.appends.unsend(lost)
			s.appends.finish(a.batch, pauseAfterLoss(a.batch, lost, cause))
			return
		}
		if errors.Is(err, errNoAnswer) {
			late++
		}
		if sleep(a.batch.ctx, pause) != nil {
			s.appends.finish(a.batch, nil)
			return
		}
	}
}

// lookBack answers the calls of which there are events, and returns the others.
func (s *Store) lookBack(a *attempt, limit time.Duration) (lost []*call, err error) {
	answers := make([]*answer, len(a.plan.appends))
	err = s.lendFor(a.batch.ctx, limit, func(conn *pgx.Conn) error {
		if over, err := s.isOver(a.batch.ctx, conn, a); err != nil || !over {
			return cmp.Or(err, errStillInFlight)
		}
		found := false
		for i, planned := range a.plan.appends {
			if answers[i], err = s.outcome(a.batch.ctx, conn, planned); err != nil {
				return err
			}
			found = found || answers[i] != nil
		}
		if !found {
			return nil
		}
		return confirm(a.batch.ctx, conn)
	})
	if err != nil {
		return nil, err
	}
	for i, planned := range a.plan.appends {
		if answers[i] == nil {
			lost = append(lost, planned.call)
			continue
		}
		planned.call.answers <- *answers[i]
	}
	if len(lost) < len(a.plan.appends) {
		s.wake.appended()
	}
	return lost, nil
}

var errStillInFlight = errors.New("the transaction is still open")

// isOver reports whether an attempt's transaction is committed or rolled back, and does what it can to bring that about.
func (s *Store) isOver(ctx context.Context, conn *pgx.Conn, a *attempt) (bool, error) {
	var standby bool // which knows of no session of its primary's, and may lag behind
	if err := conn.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&standby); err != nil || standby {
		return false, cmp.Or(err, errStandby)
	}
	if !a.session.direct {
		var inFlight bool
		err := conn.QueryRow(ctx, s.sql.inFlight, a.session.backend, a.lockKey).Scan(&inFlight)
		return !inFlight, err
	}
	tag, err := conn.Exec(ctx, sqlEndSession, a.session.backend, a.session.started)
	return tag.RowsAffected() == 0, err
}

// confirm returns when what is visible is as safe as an acknowledged append has to be. A session that is ended while its
// commit waits for synchronous standbys stops waiting, and its events are visible; but a later commit waits for all that
// came before it.
func confirm(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, sqlConfirm)
	return err
}

// outcome returns nil for an append of which no events are there.
func (s *Store) outcome(ctx context.Context, conn *pgx.Conn, planned *plannedAppend) (*answer, error) {
	if planned.verdict != accepted || planned.call.prepared.Events == 0 {
		return nil, nil
	}
	found, err := findEvents(ctx, conn, s.sql.ownIDs, planned.call.prepared)
	if err != nil {
		return nil, err
	}
	result, there, err := planned.call.original().FirstResult(found)
	if err != nil {
		return &answer{err: fmt.Errorf("%w: %w", eventstore.ErrOutcomeUnknown, err)}, nil
	}
	if !there {
		return nil, nil
	}
	return &answer{result: result}, nil
}
