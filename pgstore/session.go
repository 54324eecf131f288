package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// sqlSession asks for what the store wants to know of a connection when it is made.
const sqlSession = `
	SELECT pg_backend_pid(), coalesce(backend_start, 'epoch'), backend_start IS NOT NULL,
		current_setting('default_transaction_isolation') = 'read committed'
		AND current_setting('default_transaction_read_only') = 'off'
	FROM pg_stat_activity
	WHERE pid = pg_backend_pid()`

// sqlPlanForStore keeps the planner from what would suit other statements: those of the store are made for its indexes,
// and their plans stay in use while the table grows from a page to millions of events.
const sqlPlanForStore = `
	SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
		set_config('jit', 'off', false)`

// session is what the store knows of a connection since it was made.
type session struct {
	backend uint32 // its process ID
	started time.Time

	// direct says that the connection has the backend to itself and that its role may see when that has ended. Behind a
	// pooler the process ID that the client is told is the pooler's invention, and each transaction may have another
	// backend. A role that was set by another that logged in may not see its own session.
	direct bool

	// plain says that a statement outside a transaction block runs in a READ COMMITTED, READ WRITE transaction. A
	// database or a role may have other defaults.
	plain bool

	// prepares says that statements are to be prepared. A pooler may not know of that.
	prepares bool

	buffers *leanBuffers // which sendLean uses again and again
}

const sessionKey = "pasttense.session"

// meetSession is the pool's hook for new connections.
func meetSession(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, conn.Config().ConnectTimeout)
	defer cancel()
	s := session{buffers: new(leanBuffers)}
	var visible bool
	// The simple protocol leaves nothing prepared behind, which a pooler would hand to somebody else.
	err := conn.QueryRow(ctx, sqlSession, pgx.QueryExecModeSimpleProtocol).
		Scan(&s.backend, &s.started, &visible, &s.plain)
	if err != nil {
		return fmt.Errorf("ask for the session's properties: %w", err)
	}
	s.prepares = conn.Config().DefaultQueryExecMode == pgx.QueryExecModeCacheStatement
	s.direct = visible && s.backend == conn.PgConn().PID()
	if s.direct { // a pooler would hand the settings to somebody else, too
		if _, err := conn.Exec(ctx, sqlPlanForStore, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("set up the session: %w", err)
		}
	}
	conn.PgConn().CustomData()[sessionKey] = s
	return nil
}

// sessionOf returns what is known of one of the pool's connections.
func sessionOf(conn *pgx.Conn) session {
	s, _ := conn.PgConn().CustomData()[sessionKey].(session)
	return s
}
