// Package trouble makes the trouble that more than one program of this module is in.
package trouble

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/bench/internal/wait"
)

// sqlTerminate ends some connections, whosever they are, and says what they were for. A store's listener is known by its
// last statement.
const sqlTerminate = `
	SELECT CASE WHEN query LIKE '%idle_session_timeout%' THEN 'listener' ELSE application_name END
	FROM (
		SELECT * FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
		ORDER BY random()
		LIMIT $1
	) AS victims
	WHERE pg_terminate_backend(pid)`

// maxTerminated is how many backends are terminated at once at most.
const maxTerminated = 3

// Terminator terminates backends of a database at random, a few at a time.
type Terminator struct {
	URL        string
	Mean       time.Duration // from one time to the next
	Rand       *rand.Rand
	Terminated func(application string) // is told of each
	Failed     func(error)              // is told when the terminator's own connection is lost
}

// Run ends with ctx. It bridges outages of the server.
func (t *Terminator) Run(ctx context.Context) {
	for ctx.Err() == nil {
		conn, err := pgx.Connect(ctx, t.URL)
		if err == nil {
			err = t.terminate(ctx, conn)
			_ = conn.Close(context.WithoutCancel(ctx))
		}
		if err != nil && ctx.Err() == nil {
			t.Failed(err)
		}
		wait.For(ctx, wait.RetryPause)
	}
}

// terminate goes on until the server is gone.
func (t *Terminator) terminate(ctx context.Context, conn *pgx.Conn) error {
	for wait.For(ctx, time.Duration(t.Rand.ExpFloat64()*float64(t.Mean))) {
		rows, _ := conn.Query(ctx, sqlTerminate, 1+t.Rand.IntN(maxTerminated))
		victims, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, victim := range victims {
			t.Terminated(victim)
		}
	}
	return nil
}
