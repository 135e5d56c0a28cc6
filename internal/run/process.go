package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// process is a child in a process group of its own, so that a Ctrl-C on the terminal reaches this program only, which
// then ends its children in the right order.
type process struct {
	name string
	stop context.CancelFunc
	done chan struct{} // closed when the child is gone and err is set
	err  error
}

// start starts cmd, asks it to end when ctx ends or stop is called, and kills it after grace. Whoever
// starts a process waits for done.
func start(ctx context.Context, out io.Writer, grace time.Duration, name string, env []string, args ...string) (*process, error) {
	ctx, stop := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return requestEnd(cmd.Process) }
	cmd.WaitDelay = grace
	if err := cmd.Start(); err != nil {
		stop()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = ended(ctx, cmd.Wait())
	}()
	return p, nil
}

// ended says how a process came to its end. One that was asked to end, and did so by itself, has not failed.
func ended(ctx context.Context, err error) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() == nil && err == nil:
		return errors.New("ended by itself")
	case ctx.Err() == nil:
		return err
	case err == nil, errors.Is(err, context.Canceled):
		return nil
	// The collector takes signals only when it has started.
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM:
		return nil
	default:
		return fmt.Errorf("did not end in order: %w", err)
	}
}

// end asks the process to end and waits until it is gone.
func (p *process) end() error {
	p.stop()
	<-p.done
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}
