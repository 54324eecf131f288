//go:build !unix

package child

import (
	"os"
	"syscall"
)

// Stop is a kill, where there is no such signal.
var Stop = os.Kill

// Continue is a kill, where there is no such signal.
var Continue = os.Kill

func ownGroup() *syscall.SysProcAttr { return nil }
