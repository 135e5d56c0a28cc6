//go:build unix

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// setPrivateUmask makes what this program and its children create readable for their user only.
func setPrivateUmask() { syscall.Umask(0o077) }

// requestEnd asks a process to end in order.
func requestEnd(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// othersCanWrite says whether a user other than this one and root can write to a file or folder.
func othersCanWrite(info fs.FileInfo) bool {
	const byGroupOrOthers = 0o022
	if info.Mode().Perm()&byGroupOrOthers != 0 {
		return true
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	return owner != 0 && int(owner) != os.Geteuid()
}
