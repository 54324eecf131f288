package pgstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// InFlightAppend is an append that has begun and not ended. Subscriptions show no event that was appended after it
// began, until it ends.
type InFlightAppend struct {
	// Backend is the process ID of its Postgres backend, for pg_terminate_backend; 0 for a prepared transaction.
	Backend int32
	// Prepared is the identifier of a prepared transaction, for COMMIT PREPARED or ROLLBACK PREPARED. It is empty for
	// other transactions.
	Prepared string
	// Application is the application_name of its connection, and Query its last statement. Both are empty when the role
	// may not see them, and for a prepared transaction.
	Application string
	Query       string
	// Age is how long its transaction has been open, or has been prepared; 0 when the role may not see it.
	Age time.Duration
}

// sqlInFlightAppends lists the transactions that hold an appender's lock. The locks of a prepared transaction have no
// process ID; among them is one on its transaction ID, which tells its name.
const sqlInFlightAppends = `
	SELECT coalesce(l.pid, 0), coalesce(p.gid, ''), coalesce(a.application_name, ''),
		coalesce(nullif(a.query, '<insufficient privilege>'), ''),
		coalesce(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)), 0)::float8,
		l.virtualtransaction, l.objid::bigint, ` + lastDrawn + `
	FROM pg_locks AS l
	LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
	LEFT JOIN pg_locks AS x ON l.pid IS NULL AND x.pid IS NULL AND x.virtualtransaction = l.virtualtransaction
		AND x.locktype = 'transactionid' AND x.mode = 'ExclusiveLock' AND x.granted
	LEFT JOIN pg_prepared_xacts AS p ON p.transaction = x.transactionid
	WHERE l.locktype = 'advisory' AND l.classid = {oid} AND l.objsubid = 2 AND l.mode = 'ShareLock' AND l.granted
		AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`

// InFlightAppends returns the appends that are in flight in any process, in the order in which they began: when
// subscriptions are held back, the first is what they wait for.
func (s *Store) InFlightAppends(ctx context.Context) ([]InFlightAppend, error) {
	holders, err := s.boundHolders(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the appends in flight: %w", err)
	}
	appends := make([]InFlightAppend, len(holders))
	for i, holder := range holders {
		appends[i] = holder.InFlightAppend
	}
	return appends, nil
}

// boundHolder is an append in flight and the lower bound that it announces.
type boundHolder struct {
	InFlightAppend

	transaction string // its virtual transaction ID, which it keeps when it is prepared
	lower       int64
}

// boundHolders returns the appends in flight, the one that holds the stable bound back first.
func (s *Store) boundHolders(ctx context.Context) (holders []boundHolder, err error) {
	err = s.read(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, s.sql.inFlightAppends)
		if err != nil {
			return err
		}
		holders, err = pgx.CollectRows(rows, scanBoundHolder)
		return err
	})
	slices.SortFunc(holders, func(a, b boundHolder) int {
		return cmp.Or(cmp.Compare(a.lower, b.lower), cmp.Compare(b.Age, a.Age))
	})
	return holders, err
}

func scanBoundHolder(row pgx.CollectableRow) (boundHolder, error) {
	var holder boundHolder
	var seconds float64
	var key, lastDrawn int64
	err := row.Scan(&holder.Backend, &holder.Prepared, &holder.Application, &holder.Query, &seconds,
		&holder.transaction, &key, &lastDrawn)
	holder.Age = time.Duration(seconds * float64(time.Second))
	holder.lower = lowerBound(key, lastDrawn)
	return holder, err
}
