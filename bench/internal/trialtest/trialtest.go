// Package trialtest helps to test the programs that torture.
package trialtest

import (
	"strings"
	"testing"

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
