package e2e

import (
	"errors"
	"syscall"
)

// These signals are not known here.
const (
	sigStop     = syscall.Signal(-1)
	sigContinue = syscall.Signal(-2)
)

// ownGroup has no group to offer. The end-to-end tests compile on Windows, but need the signals of Unix.
func ownGroup() *syscall.SysProcAttr { return nil }

// signalGroup always fails.
func signalGroup(int, syscall.Signal) error { return errors.ErrUnsupported }
