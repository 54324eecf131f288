package pgserver

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

const (
	directoryPattern = "pasttense-pg-*"
	// socketPathLimit is what the kernels allow for a socket's path, less the name that Postgres gives it.
	socketPathLimit = 103 - len("/.s.PGSQL.65535")
	// leftoverAge is far beyond the length of any test run.
	leftoverAge = 24 * time.Hour
)

// makeDirectory returns a new directory that belongs to the account.
func makeDirectory(as *account) (string, error) {
	directory, err := os.MkdirTemp(parentDirectory(), directoryPattern)
	if err != nil {
		return "", err
	}
	if err := as.own(directory); err != nil {
		return "", err
	}
	return directory, nil
}

// parentDirectory is the temporary directory, unless that is too deep for the path of a Unix socket.
func parentDirectory() string {
	if len(os.TempDir())+len("/pasttense-pg-0123456789") > socketPathLimit {
		return "/tmp"
	}
	return os.TempDir()
}

// sweep removes what was left behind when a guard was itself killed, by a crash of the machine say. Nothing depends on it, so it
// does not report errors.
func sweep(ctx context.Context, binaries Binaries, as *account) {
	directories, _ := filepath.Glob(filepath.Join(parentDirectory(), directoryPattern))
	for _, directory := range directories {
		info, err := os.Stat(directory)
		if err != nil || time.Since(info.ModTime()) < leftoverAge || inUse(ctx, binaries, as, directory) {
			continue
		}
		os.RemoveAll(directory)
	}
}

// inUse tells whether a server still runs in an old directory, as in a test that runs for days.
func inUse(ctx context.Context, binaries Binaries, as *account, directory string) bool {
	return run(ctx, binaries, as, directory, "pg_ctl", "status", "-D", filepath.Join(directory, "data")) == nil
}
