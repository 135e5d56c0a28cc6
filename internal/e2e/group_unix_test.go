//go:build unix

package e2e

import "syscall"

// These signals halt a process and let it go on.
const (
	sigStop     = syscall.SIGSTOP
	sigContinue = syscall.SIGCONT
)

// ownGroup puts a child into a process group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalGroup sends a signal to a child and to all that it has started.
func signalGroup(pid int, sig syscall.Signal) error { return syscall.Kill(-pid, sig) }
