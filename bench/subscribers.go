package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

const (
	manySubscribers = 1_000

	// subscribersPace is the time from one append to the next while subscribers listen.
	subscribersPace = 20 * time.Millisecond

	// subscribersMemory is what manySubscribers may take.
	subscribersMemory = 64 << 20

	// subscribersPatience is how long the last event may take to reach all.
	subscribersPatience = time.Minute
)

// subscriberRole is a role of the subscribers' own, by which their statements are told from those of the appends. It may
// do anything, as what a role may do is not measured.
const subscriberRole = "subscriber"

const (
	sqlCountStatements = `
		CREATE EXTENSION ` + statementsLibrary + `;
		CREATE ROLE ` + subscriberRole + ` LOGIN SUPERUSER;
		ALTER ROLE ` + subscriberRole + ` SET ` + statementsLibrary + `.track = 'top'`

	sqlResetStatements = `SELECT pg_stat_statements_reset()`

	// sqlDatabaseTime is in microseconds.
	sqlDatabaseTime = `
		SELECT coalesce(1000 * sum(total_exec_time + total_plan_time), 0)
		FROM pg_stat_statements
		WHERE userid = '` + subscriberRole + `'::regrole`
)

func subscriptions() []work {
	return []work{{
		name: "subscribers-1000",
		about: "database time of 1,000 live subscriptions of one store, while another store appends 50 events/s; " +
			"limit: that of 1 subscription",
		unit:   "µs/s",
		target: target{ratio: 1.3, atMost: true},
		ours:   countStatements(listenTo(manySubscribers)),
		limit:  listenTo(1),
	}}
}

// countStatements has the server count what the subscribers' statements cost, before the side is made ready.
func countStatements(next prepare) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		pool, err := db.openPool(ctx, 1)
		if err != nil {
			return nil, err
		}
		if _, err := pool.Exec(ctx, sqlCountStatements); err != nil {
			return nil, fmt.Errorf("count statements with pg_stat_statements, which is among Postgres's contrib modules: %w", err)
		}
		return next(ctx, db)
	}
}

// subscribers is a side that has subscriptions only while it is measured, so that they cost the other side nothing.
type subscribers struct {
	count    int
	url      string // of the database, for subscriberRole
	appender *pgstore.Store
	monitor  *pgxpool.Pool
	progress log
}

func listenTo(count int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		monitor, err := db.openPool(ctx, 1)
		if err != nil {
			return nil, err
		}
		appender, err := db.openStore(ctx, liveConnections)
		if err != nil {
			return nil, err
		}
		parsed, err := url.Parse(db.url)
		if err != nil {
			return nil, err
		}
		parsed.User = url.User(subscriberRole)
		return subscribers{count, parsed.String(), appender, monitor, db.progress}, nil
	}
}

// measure counts the microseconds that the database works for the subscribers, until all have got all, in the time that
// the appends take at their pace. (They take longer when the subscribers wear the machine out.)
func (s subscribers) measure(ctx context.Context, d time.Duration) (measured sample, err error) {
	store, err := pgstore.Open(ctx, throwaway.WithPool(s.url, appendConnections), nil)
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, store.Close(context.WithoutCancel(ctx))) }()
	before := memoryInUse()
	audience, err := subscribe(ctx, store, s.count)
	if err != nil {
		return sample{}, err
	}
	defer audience.close()
	if _, err := s.monitor.Exec(ctx, sqlResetStatements); err != nil {
		return sample{}, err
	}
	appended, err := s.appendTo(ctx, audience, d)
	if err != nil {
		return sample{}, err
	}
	var spent float64
	if err := s.monitor.QueryRow(ctx, sqlDatabaseTime).Scan(&spent); err != nil {
		return sample{}, err
	}
	return sample{amount: int(spent), elapsed: time.Duration(appended) * subscribersPace}, s.checkMemory(memoryInUse() - before)
}

// appendTo appends at the pace for d, and returns once every subscription has got every event.
func (s subscribers) appendTo(ctx context.Context, audience *audience, d time.Duration) (appended int64, err error) {
	ticker := time.NewTicker(subscribersPace)
	defer ticker.Stop()
	var last eventstore.Position
	for start, events := time.Now(), newEvents(1); time.Since(start) < d; appended++ {
		result, err := s.appender.Append(ctx, eventstore.Write{Stream: newStream(), Events: events})
		if err != nil {
			return 0, err
		}
		last = result.Position
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, subscribersPatience)
	defer cancel()
	return appended, audience.awaitEvents(ctx, appended, last)
}

func (s subscribers) checkMemory(bytes int64) error {
	if s.count > 1 {
		s.progress.printf("  %s subscriptions take %s MB, %.1f kB each", number(float64(s.count)), megabytes(bytes),
			float64(bytes)/1e3/float64(s.count))
	}
	if bytes > subscribersMemory {
		return fmt.Errorf("%d subscriptions take %s MB, the limit is %s MB", s.count, megabytes(bytes),
			megabytes(subscribersMemory))
	}
	return nil
}
