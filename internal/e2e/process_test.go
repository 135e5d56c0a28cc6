package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a program under test. When the test ends, it is killed if it still runs, and its output is shown if the
// test failed.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *output
	done chan struct{} // closed when it is gone, its output is complete, and err is set
	err  error
}

// start runs a program in the folder dir, with the environment of the test less what would change its doings, and with
// env added.
func start(t *testing.T, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), name, args...), out: newOutput(), done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append(plainEnviron(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	// A process that it leaves behind keeps the output open.
	p.cmd.WaitDelay = 10 * time.Second
	p.cmd.SysProcAttr = ownGroup()
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
		p.out.close()
	}()
	t.Cleanup(func() {
		_ = signalGroup(p.cmd.Process.Pid, syscall.SIGKILL) // there may be nobody left
		<-p.done
		if t.Failed() {
			t.Logf("the output of %s:\n%s", name, tail(p.out.String(), 8000))
		}
	})
	return p
}

// plainEnviron is the environment without proxies and without our own variables.
func plainEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(pair), "=")
		return strings.HasSuffix(name, "_PROXY") || strings.HasPrefix(name, "POD_")
	})
}

// waitFor returns when the output contains text. The test fails when the program ends without having said it.
func (p *process) waitFor(text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	require.True(p.t, p.out.wait(ctx, text), "%s never said %q", p.cmd.Path, text)
}

// waitReady returns when a collector runs and hears signals. It says that it is ready a moment before, and a signal in
// between would kill it; so it is ready when it has said so and nothing in it runs any more.
func (p *process) waitReady() {
	p.t.Helper()
	p.waitFor(ready)
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for asleep := 0; asleep < 3; asleep++ { // more than one look, as threads are not all seen in one moment
		if p.runs() {
			asleep = -1
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			require.FailNow(p.t, "it never rests", p.cmd.Path)
		}
	}
}

// runs says whether one of the program's threads does, or would if it had a processor. Where there is no /proc, it does
// not say.
func (p *process) runs() bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	return slices.ContainsFunc(threads, func(path string) bool {
		stat, err := os.ReadFile(path)
		// The state follows on the name, in parentheses (proc(5)). A thread can have ended meanwhile.
		_, state, _ := bytes.Cut(stat, []byte(") "))
		return err == nil && bytes.HasPrefix(state, []byte("R"))
	})
}

// signal sends a signal to the program, not to its children.
func (p *process) signal(sig os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(sig))
}

// exitCode waits for the end of the program. It is -1 if a signal ended it. The test fails if the
// program has left a process behind.
func (p *process) exitCode() int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
		require.FailNow(p.t, "it does not end", p.cmd.Path)
	}
	require.NotErrorIs(p.t, p.err, exec.ErrWaitDelay, "%s left a process behind", p.cmd.Path)
	return p.cmd.ProcessState.ExitCode()
}

// stop ends the program by SIGTERM, as a service manager does, and checks that it ended in order.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	require.Zero(p.t, p.exitCode(), "%s did not end in order", p.cmd.Path)
}

// output keeps what a program prints. It may be used from any goroutine.
type output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	closed  bool
	changed chan struct{} // closed, and made anew, at every write
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	n, err := o.buf.Write(b)
	changed := o.changed
	o.changed = make(chan struct{})
	o.mu.Unlock()
	close(changed)
	return n, err
}

// close says that nothing more will come.
func (o *output) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	_, _ = o.Write(nil) // wakes who waits
}

// String is all that was printed so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// wait waits until text was printed. It is false when that cannot be any more, or ctx has ended.
func (o *output) wait(ctx context.Context, text string) bool {
	for {
		o.mu.Lock()
		found, closed, changed := bytes.Contains(o.buf.Bytes(), []byte(text)), o.closed, o.changed
		o.mu.Unlock()
		if found || closed {
			return found
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// tail is the last n bytes of a text.
func tail(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return "…" + text[len(text)-n:]
}
