package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrNoBinaries is what [Find] returns when this machine has no Postgres server programs.
var ErrNoBinaries = errors.New("no Postgres server programs (initdb, pg_ctl, postgres) on this machine")

// Binaries is the directory that holds the programs of one Postgres version.
type Binaries string

// Find looks for the server programs, in this order: the directory named by PASTTENSE_TEST_PG_BIN and no other, if it is set;
// what pg_config says; PATH; the newest version where Debian and Homebrew put them, which is not on PATH.
func Find() (Binaries, error) {
	if named := os.Getenv(BinEnv); named != "" {
		return fromEnvironment(named)
	}
	for _, directory := range candidates() {
		if b := Binaries(directory); b.complete() {
			return b, nil
		}
	}
	return "", ErrNoBinaries
}

// fromEnvironment refuses a directory without the programs: to fall back to another version than the one asked for would hide
// that the version under test was never tested.
func fromEnvironment(directory string) (Binaries, error) {
	b := Binaries(directory)
	if !b.complete() {
		return "", fmt.Errorf("%s is %q, which does not hold initdb, pg_ctl and postgres", BinEnv, directory)
	}
	return b, nil
}

func candidates() []string {
	var found []string
	//nolint:noctx // pg_config prints a constant and exits
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		found = append(found, strings.TrimSpace(string(out)))
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		found = append(found, filepath.Dir(initdb))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                   // the PGDG packages for Red Hat
		"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on Apple silicon
		"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found = append(found, newestFirst(pattern)...)
	}
	return found
}

// newestFirst lists the directories that match a pattern by the version number in them, which sorts 9 below 10.
func newestFirst(pattern string) []string {
	matches, _ := filepath.Glob(pattern) // the only possible error is a malformed pattern
	slices.SortFunc(matches, func(a, b string) int { return version(b) - version(a) })
	return matches
}

var number = regexp.MustCompile(`\d+`)

// version returns the last number in a path, or 0.
func version(path string) int {
	numbers := number.FindAllString(path, -1)
	if len(numbers) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(numbers[len(numbers)-1]) // digits only; one too large is as good as any
	return n
}

func (b Binaries) path(program string) string { return filepath.Join(string(b), program) }

func (b Binaries) complete() bool {
	for _, program := range []string{"initdb", "pg_ctl", "postgres"} {
		if _, err := exec.LookPath(b.path(program)); err != nil {
			return false
		}
	}
	return true
}
