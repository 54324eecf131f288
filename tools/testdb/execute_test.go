package main

import (
	"syscall"
	"testing"
)

func TestExecuteReturnsTheExitCode(t *testing.T) {
	for command, want := range map[string]int{
		"exit 0":         0,
		"exit 7":         7,
		"kill -TERM $$":  128 + int(syscall.SIGTERM),
		`test "$X" = ok`: 0,
	} {
		code, err := execute(t.Context(), []string{"sh", "-c", command}, []string{"X=ok"})
		if code != want || err != nil {
			t.Errorf("%q: exit code %d, error %v; want exit code %d", command, code, err, want)
		}
	}
}

func TestExecuteReportsACommandThatIsNotThere(t *testing.T) {
	if code, err := execute(t.Context(), []string{"/no/such/command"}, nil); code != exitTestdb || err == nil {
		t.Errorf("exit code %d, error %v", code, err)
	}
}

func TestExecutePassesSignalsOnAndLivesOn(t *testing.T) {
	command := "trap 'exit 3' TERM; kill -TERM $PPID; while :; do sleep 0.01; done"
	if code, err := execute(t.Context(), []string{"sh", "-c", command}, nil); code != 3 || err != nil {
		t.Errorf("exit code %d, error %v; want what the command's trap exits with", code, err)
	}
}
