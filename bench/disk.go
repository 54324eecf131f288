package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// requireSpace returns an error when the disk that a directory is on has fewer free bytes.
func requireSpace(ctx context.Context, directory string, bytes int64) error {
	free, err := freeSpace(ctx, directory)
	if err != nil {
		return err
	}
	if free < bytes {
		return fmt.Errorf("%s has %s GB free, and %s GB are needed: name a directory on a larger disk in TMPDIR",
			directory, gigabytes(free), gigabytes(bytes))
	}
	return nil
}

// freeSpace asks df, which is the same on all systems.
func freeSpace(ctx context.Context, directory string) (int64, error) {
	out, err := exec.CommandContext(ctx, "df", "-Pk", directory).Output()
	if err != nil {
		return 0, fmt.Errorf("df -Pk %s: %w", directory, err)
	}
	free, err := parseDF(string(out))
	if err != nil {
		return 0, fmt.Errorf("df -Pk %s: %w", directory, err)
	}
	return free, nil
}

// parseDF returns the free bytes of the one file system that df -Pk tells of: a heading, and a line whose fourth field is
// the free space in kilobytes.
func parseDF(out string) (int64, error) {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		return 0, fmt.Errorf("expected a heading and a line, got %q", out)
	}
	fields := strings.Fields(lines[1])
	if len(fields) < 6 {
		return 0, fmt.Errorf("expected 6 fields, got %q", lines[1])
	}
	kilobytes, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil {
		return 0, err
	}
	return kilobytes << 10, nil
}

func gigabytes(bytes int64) string { return strconv.FormatFloat(float64(bytes)/1e9, 'f', 1, 64) }
