//go:build unix

package main

import (
	"os"
	"syscall"
)

// These stop a process wherever it is, and let it go on.
var stopSignal, continueSignal os.Signal = syscall.SIGSTOP, syscall.SIGCONT

// ownGroup keeps the interrupt of a terminal from a child process, and has the system end one that is stopped when the main
// process was killed.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
