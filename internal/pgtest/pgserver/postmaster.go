package pgserver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// processPoll is how often KillPostmaster looks which processes are left.
	processPoll = 20 * time.Millisecond

	// startPoll is how often Restart tries again while an old process still holds the shared memory.
	startPoll = 100 * time.Millisecond
	startTime = 30 * time.Second
)

// KillPostmaster ends the server's first process with kill -9, and returns when all others are gone too: they notice by
// themselves, each when it next waits for something. A backend that is in the middle of a commit may finish it, and say
// so. The server leaves its shared memory and lock file behind; Restart goes through crash recovery.
func (s *Server) KillPostmaster(ctx context.Context) error {
	postmaster, err := s.postmaster()
	if err != nil {
		return err
	}
	processes, err := listProcesses(ctx)
	if err != nil {
		return err
	}
	left := []int{postmaster}
	for _, p := range processes {
		if p.parent == postmaster {
			left = append(left, p.id)
		}
	}
	if err := kill(postmaster); err != nil {
		return err
	}
	if err := awaitEnd(ctx, left); err != nil {
		return err
	}
	return s.removeLockFiles()
}

// removeLockFiles is for a postmaster that has ended. Where process 1 takes its time to collect the dead, Postgres would
// take it for alive.
func (s *Server) removeLockFiles() error {
	if err := os.Remove(s.lockFile()); err != nil {
		return err
	}
	return os.Remove(filepath.Join(s.directory, fmt.Sprintf(".s.PGSQL.%d.lock", s.port)))
}

func (s *Server) lockFile() string { return filepath.Join(s.data(), "postmaster.pid") }

// postmaster returns the ID of the server's first process.
func (s *Server) postmaster() (int, error) {
	lockFile, err := os.ReadFile(s.lockFile())
	if err != nil {
		return 0, err
	}
	first, _, _ := bytes.Cut(lockFile, []byte("\n"))
	return strconv.Atoi(string(bytes.TrimSpace(first)))
}

func kill(id int) error {
	process, err := os.FindProcess(id)
	if err != nil {
		return err
	}
	if err := process.Kill(); err != nil {
		return fmt.Errorf("kill process %d: %w", id, err)
	}
	return nil
}

// awaitEnd waits until none of the processes is left.
func awaitEnd(ctx context.Context, ids []int) error {
	poll := time.NewTicker(processPoll)
	defer poll.Stop()
	for {
		processes, err := listProcesses(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(processes, func(p process) bool { return slices.Contains(ids, p.id) }) {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the server's processes to end: %w", ctx.Err())
		}
	}
}

type process struct{ id, parent int }

// listProcesses lists the processes of this machine that have not ended.
func listProcesses(ctx context.Context) ([]process, error) {
	out, err := exec.CommandContext(ctx, "ps", "-A", "-o", "pid=,ppid=,stat=").Output()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var processes []process
	for line := range strings.Lines(string(out)) {
		var p process
		var state string
		if _, err := fmt.Sscan(line, &p.id, &p.parent, &state); err != nil {
			return nil, fmt.Errorf("list processes: %q: %w", line, err)
		}
		if !strings.HasPrefix(state, "Z") { // it has ended, and nobody has asked how
			processes = append(processes, p)
		}
	}
	return processes, nil
}
