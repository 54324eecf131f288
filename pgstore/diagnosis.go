package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// InFlightAppend is an append that has begun and not ended. Subscriptions show no event that was appended after it
// began, until it ends.
type InFlightAppend struct {
	// Backend is the process ID of its Postgres backend, for pg_terminate_backend; 0 for a prepared transaction.
	Backend int32
	// Application is the application_name of its connection, and Query its last statement. Both are empty when the role
	// may not see them.
	Application string
	Query       string
	// Age is how long its transaction has been open; 0 when the role may not see it.
	Age time.Duration
}

// sqlInFlightAppends lists the transactions that hold an appender's lock, oldest first.
const sqlInFlightAppends = `
	SELECT coalesce(l.pid, 0), coalesce(a.application_name, ''), coalesce(a.query, ''),
		coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8
	FROM pg_locks AS l
	LEFT JOIN pg_stat_activity AS a USING (pid)
	WHERE l.locktype = 'advisory' AND l.classid = {oid} AND l.objsubid = 2 AND l.mode = 'ShareLock' AND l.granted
		AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	ORDER BY a.xact_start NULLS FIRST`

// InFlightAppends returns the appends that are in flight in any process, oldest first: when subscriptions are held
// back, the first is what they wait for.
func (s *Store) InFlightAppends(ctx context.Context) (appends []InFlightAppend, err error) {
	err = s.withConn(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, s.sql.inFlightAppends)
		if err != nil {
			return err
		}
		appends, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (InFlightAppend, error) {
			var inFlight InFlightAppend
			var seconds float64
			err := row.Scan(&inFlight.Backend, &inFlight.Application, &inFlight.Query, &seconds)
			inFlight.Age = time.Duration(seconds * float64(time.Second))
			return inFlight, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the appends in flight: %w", err)
	}
	return appends, nil
}
