package main

import "syscall"

// ownGroup puts a child into a process group of its own. If this program is killed, the child is asked to end.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
