package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// sqlTerminate ends some connections, whosever they are.
const sqlTerminate = `
	SELECT count(*) FROM (
		SELECT pg_terminate_backend(pid) FROM (
			SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
			ORDER BY random()
			LIMIT $1
		) AS victims
	) AS ended`

const (
	// Backends are terminated a few at a time, this often on average.
	meanTermination = 500 * time.Millisecond
	maxTerminated   = 3
)

// terminate terminates backends at random until ctx ends.
func terminate(ctx context.Context, main *database, rng *rand.Rand, report *report) {
	for pause(ctx, time.Duration(rng.ExpFloat64()*float64(meanTermination))) {
		var ended int
		if main.pool.QueryRow(ctx, sqlTerminate, 1+rng.IntN(maxTerminated)).Scan(&ended) == nil {
			report.tally("backends terminated", ended)
		}
	}
}
