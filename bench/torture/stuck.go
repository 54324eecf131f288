package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// lastMoment is how long before the end of its patience it is looked what an append waits for.
	lastMoment = time.Second

	// lookTimeout is how long the look may take when the server does not answer.
	lookTimeout = 5 * time.Second
)

// Each of these gives one line for each thing that there is.
var sqlSuspects = []string{
	`SELECT format('backend %s, %s from port %s, is %s since %s, transaction since %s, waits for %s, is blocked by %s: %s',
			pid, application_name, client_port, state, now() - state_change, now() - xact_start,
			coalesce(wait_event_type || ' ' || wait_event, 'nothing'), pg_blocking_pids(pid),
			regexp_replace(query, '\s+', ' ', 'g'))
		FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
		ORDER BY xact_start`,
	`SELECT format('prepared transaction %s since %s', gid, prepared) FROM pg_prepared_xacts`,
	`SELECT format('advisory lock %s %s, %s, %s backend %s', classid, objid, mode,
			CASE WHEN granted THEN 'held by' ELSE 'awaited by' END, pid)
		FROM pg_locks
		WHERE locktype = 'advisory'`,
}

// watch looks what an append may wait for when its patience is about to end. The function that it returns ends the watch and
// tells what there was to see, nothing for an append that returned before.
func watch(patience time.Duration, look func() string) (seen func() string) {
	found := make(chan string, 1)
	timer := time.AfterFunc(patience-lastMoment, func() { found <- look() })
	return func() string {
		if timer.Stop() {
			return ""
		}
		return <-found
	}
}

// suspects tells what the database is busy with, and what this process does in the library.
func suspects(url string) string {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	lines, err := inDatabase(ctx, url)
	if err != nil {
		lines = append(lines, fmt.Sprintf("cannot look at the database: %v", err))
	}
	lines = append(lines, fmt.Sprintf("process %d:", os.Getpid()))
	return strings.Join(append(lines, inLibrary()...), "\n")
}

func inDatabase(ctx context.Context, url string) (lines []string, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, statement := range sqlSuspects {
		rows, _ := conn.Query(ctx, statement)
		more, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return lines, err
		}
		lines = append(lines, more...)
	}
	return lines, nil
}

// inLibrary returns the stacks of the goroutines that are in the store.
func inLibrary() (stacks []string) {
	var all bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&all, 2) // a buffer takes everything
	for stack := range strings.SplitSeq(strings.TrimSpace(all.String()), "\n\n") {
		if strings.Contains(stack, "/pgstore.") {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}
