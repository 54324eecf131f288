//go:build !unix

package pgserver

import (
	"errors"
	"syscall"
)

type account struct{}

// serverAccount fails where there is no POSIX shell to guard the server and no user to run it as.
func serverAccount() (*account, error) {
	return nil, errors.New("throwaway servers need a Unix system; name a running server instead")
}

func (*account) own(string) error { return nil }

func (*account) process() *syscall.SysProcAttr { return nil }
