//go:build unix

package sourcehealthextension

import (
	"math"
	"syscall"
)

// maxFiles returns how many files the process may open.
func maxFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // what most systems give
	}
	return int(min(limit.Cur, math.MaxInt32))
}
