//go:build unix

package child

import (
	"os"
	"syscall"
)

// Stop stops a process wherever it is.
var Stop os.Signal = syscall.SIGSTOP

// Continue lets a process go on that was stopped.
var Continue os.Signal = syscall.SIGCONT

// ownGroup keeps the interrupt of a terminal from a child process, and has the system end one that is stopped when the main
// process was killed.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
