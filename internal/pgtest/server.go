package pgtest

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

// Server is a server that one test has to itself, to crash it. See [StartServer].
type Server struct {
	url   string
	local *pgserver.Server // nil: the server is not ours
}

// StartServer gives the test a server of its own until it ends: the one that PASTTENSE_TEST_CRASH_DATABASE_URL names, for which
// tests wait their turn, or else a throwaway one from the Postgres programs on this machine. Its commits are as durable as in
// production: fsync is on. [SetDefault] varies the rest.
func StartServer(t testing.TB) *Server {
	t.Helper()
	skipIfShort(t)
	if named := os.Getenv(pgserver.CrashURLEnv); named != "" {
		return borrowServer(t, named)
	}
	return startServer(t)
}

// URL names an empty database of the server, as a superuser.
func (s *Server) URL() string { return s.url }

// Stop ends all processes of a throwaway server without a checkpoint, and returns when they are gone. Until Start, connections are
// refused. Only a test that needs that time of refusal should use it: a server named by PASTTENSE_TEST_CRASH_DATABASE_URL returns
// an error, where [Server.Crash] works everywhere.
func (s *Server) Stop(ctx context.Context) error {
	if s.local == nil {
		return errNotOurs
	}
	return s.local.Kill(ctx)
}

// Start starts a stopped server again, at the same URL, and returns when it has recovered and takes connections.
func (s *Server) Start(ctx context.Context) error {
	if s.local == nil {
		return errNotOurs
	}
	return s.local.Restart(ctx)
}

var errNotOurs = errors.New("pgtest: the server that " + pgserver.CrashURLEnv + " names can be crashed, but not stopped and started")

func startServer(t testing.TB) *Server {
	t.Helper()
	local, err := startLocal(t.Context(), nil)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := local.Close(); err != nil {
			t.Errorf("pgtest: close the server: %v", err)
		}
	})
	const name = namePrefix + "own"
	if err := create(t.Context(), local.URL("postgres"), name, emptyTemplate); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return &Server{url: local.URL(name), local: local}
}

func borrowServer(t testing.TB, named string) *Server {
	t.Helper()
	if err := checkURL(pgserver.CrashURLEnv, named); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if os.Getenv(pgserver.URLEnv) == "" {
		t.Fatalf("pgtest: %s needs %s beside it, which names another server", pgserver.CrashURLEnv, pgserver.URLEnv)
	}
	awaitTurn(t)
	if err := dropLeftovers(t.Context(), named); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return &Server{url: createForTest(t, named, shared.names.next(), emptyTemplate)}
}

// awaitTurn waits until no other test, of any test binary, has the server that tests may crash, and keeps it from them until the
// test ends. The lock is on the shared server, because on the other it would end with the first crash.
func awaitTurn(t testing.TB) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), shared.maintenanceURL(t))
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) }) // the lock ends with the session in any case
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock(hashtext('pasttense: server that tests may crash'))"); err != nil {
		t.Fatalf("pgtest: wait for the server that tests may crash: %v", err)
	}
}
