//go:build !unix

package main

import (
	"os"
	"syscall"
)

// Without these signals a stop is a kill.
var stopSignal, continueSignal = os.Kill, os.Kill

func ownGroup() *syscall.SysProcAttr { return nil }
