// Package trialtest helps to test the programs that torture.
package trialtest

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

// Server returns "" where a program can start a server, which it may kill, and otherwise the URL of the one that is there
// for tests.
func Server(t *testing.T) string {
	t.Helper()
	if _, err := pgserver.Find(); err == nil && !testing.Short() {
		return ""
	}
	return pgtest.Database(t)
}

// RequireGone requires that a server that was closed has left nothing: neither the database that the URL names, nor its
// directory where it was started.
func RequireGone(t *testing.T, server *throwaway.Server, url string) {
	t.Helper()
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		_ = conn.Close(t.Context())
		t.Fatalf("the database at %s is still there", url)
	}
	local := server.Local()
	if local == nil {
		return
	}
	if _, err := os.Stat(local.Directory()); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the server's directory %s is still there: %v", local.Directory(), err)
	}
}

// WriterFunc is called with what is written.
type WriterFunc func(line []byte)

// Write implements [io.Writer].
func (f WriterFunc) Write(line []byte) (int, error) {
	f(line)
	return len(line), nil
}

// LastLine returns the last line of a program's output.
func LastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}
