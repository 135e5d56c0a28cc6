package main

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// ownGroup puts a child into a process group of its own.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// requestEnd asks a process to end in order: it and its group get the signal that Go programs know as os.Interrupt.
func requestEnd(p *os.Process) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(p.Pid))
}

// setPrivateUmask does nothing: what is created inherits the access rights of its folder.
func setPrivateUmask() {}

// othersCanWrite is false: file modes on Windows say nothing about other users.
func othersCanWrite(fs.FileInfo) bool { return false }
