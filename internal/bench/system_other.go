//go:build !linux

package main

import (
	"errors"
	"os/exec"
	"runtime"
	"time"
)

// cpuTime is what the process has used.
func cpuTime() (time.Duration, error) {
	return 0, errors.New("measuring needs Linux: elsewhere, this program reads neither CPU time nor memory")
}

// cores are those that this program may use, if that is known.
func cores() []int { return nil }

// startOn starts a program.
func startOn(cmd *exec.Cmd, _ []int) error { return cmd.Start() }

// machine describes what this runs on.
func machine() string { return runtime.GOOS + " " + runtime.GOARCH }
