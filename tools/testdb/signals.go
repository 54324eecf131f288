package main

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// forwarder keeps testdb alive when it is told to end: the command decides what to do with the signal, and the containers must be
// removed after it.
type forwarder struct{ signals chan os.Signal }

// listen takes signals from now on.
func listen() forwarder {
	f := forwarder{make(chan os.Signal, 4)}
	signal.Notify(f.signals, os.Interrupt, syscall.SIGTERM)
	return f
}

// to passes signals on until stop is called.
func (f forwarder) to(process *os.Process) {
	for s := range f.signals {
		_ = process.Signal(s) // the process may just have ended
	}
}

func (f forwarder) stop() {
	signal.Stop(f.signals)
	close(f.signals)
}

// exitCode is what a shell would report: 128 and the signal for a command that was killed.
func exitCode(failed *exec.ExitError) int {
	if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return failed.ExitCode()
}
