package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

// sqlTerminate ends some connections, and says what they were for. A store's listener is known by its last statement.
const sqlTerminate = `
	SELECT CASE WHEN query LIKE '%idle_session_timeout%' THEN 'listener' ELSE application_name END
	FROM (
		SELECT * FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
		ORDER BY random()
		LIMIT $1
	) AS victims
	WHERE pg_terminate_backend(pid)`

const (
	// Backends are terminated a few at a time, this often on average.
	meanTermination = 150 * time.Millisecond
	maxTerminated   = 3

	// childLife is how long the child lives on average before it is killed.
	childLife = 7 * time.Second
)

// terminator terminates backends at random until ctx ends.
type terminator struct {
	url    string
	rng    *rand.Rand
	report reporter
}

func (t *terminator) run(ctx context.Context) {
	for ctx.Err() == nil {
		conn, err := pgx.Connect(ctx, t.url)
		if err == nil {
			err = t.terminate(ctx, conn)
			_ = conn.Close(context.WithoutCancel(ctx))
		}
		if err != nil && ctx.Err() == nil && classify(err) != connectionError {
			t.report.wrong("unexpected error of the terminator: %v", err)
		}
		pause(ctx, retryPause)
	}
}

// terminate goes on until the server is gone.
func (t *terminator) terminate(ctx context.Context, conn *pgx.Conn) error {
	for {
		if !pause(ctx, time.Duration(t.rng.ExpFloat64()*float64(meanTermination))) {
			return nil
		}
		rows, err := conn.Query(ctx, sqlTerminate, 1+t.rng.IntN(maxTerminated))
		if err != nil {
			return err
		}
		victims, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, victim := range victims {
			t.report.count("terminated: " + victim)
		}
	}
}

// recovery is how long it took after the server was killed.
type recovery struct {
	gone     time.Duration // until the old server's last process had ended
	server   time.Duration // until the new one took connections
	appended time.Duration // until an append was acknowledged
}

// serverKiller kills the server now and then, and starts it again.
type serverKiller struct {
	server *pgserver.Server // nil: it is not ours to kill
	every  time.Duration    // on average
	rng    *rand.Rand
	log    func(format string, args ...any)

	recoveries []recovery

	mu    sync.Mutex
	alive chan struct{} // closed at the next acknowledgement
}

// acknowledged tells the killer that an append was acknowledged.
func (k *serverKiller) acknowledged() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.alive != nil {
		close(k.alive)
		k.alive = nil
	}
}

// run ends with stop, after a recovery that has begun.
func (k *serverKiller) run(ctx, stop context.Context) error {
	if k.server == nil {
		return nil
	}
	for {
		if !pause(stop, jitter(k.rng, k.every)) {
			return nil
		}
		r, err := k.kill(ctx)
		if err != nil {
			return err
		}
		k.recoveries = append(k.recoveries, r)
		k.log("killed the server: its processes gone after %s, it takes connections after %s, first append acknowledged after %s",
			round(r.gone), round(r.server), round(r.appended))
	}
}

func (k *serverKiller) kill(ctx context.Context) (r recovery, err error) {
	killed := time.Now()
	if err := k.server.KillPostmaster(ctx); err != nil {
		return r, fmt.Errorf("kill the server: %w", err)
	}
	r.gone = time.Since(killed)
	acknowledged, appended := make(chan struct{}), make(chan time.Duration, 1)
	k.mu.Lock()
	k.alive = acknowledged
	k.mu.Unlock()
	go func() {
		<-acknowledged
		appended <- time.Since(killed)
	}()
	if err := k.server.Restart(ctx); err != nil {
		k.acknowledged()
		return r, fmt.Errorf("restart the server: %w", err)
	}
	r.server = time.Since(killed)
	select {
	case r.appended = <-appended:
		return r, nil
	case <-time.After(patience):
		err = fmt.Errorf("no append was acknowledged within %s of a restart of the server", patience)
	case <-ctx.Done():
		err = ctx.Err()
	}
	k.acknowledged()
	return r, err
}

// jitter returns d or up to 15 % more or less.
func jitter(rng *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.85 + 0.3*rng.Float64()))
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
