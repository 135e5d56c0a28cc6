package podsim

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeBuffer is how many bytes wait in one direction before a write blocks.
const pipeBuffer = 64 << 10

// pipeConn is one end of a connection in memory.
type pipeConn struct {
	in, out *lane

	mu     sync.Mutex
	linger bool // whether Close lets the peer read what was written
}

// newPipeConns connects two ends.
func newPipeConns() (client, server net.Conn) {
	up, down := newLane(), newLane()
	return &pipeConn{in: down, out: up, linger: true}, &pipeConn{in: up, out: down, linger: true}
}

// Read implements net.Conn. After a reset by the peer it fails with ECONNRESET.
func (c *pipeConn) Read(p []byte) (int, error) { return c.in.read(p) }

// Write implements net.Conn. It blocks while the buffer is full.
func (c *pipeConn) Write(p []byte) (int, error) { return c.out.write(p) }

// CloseWrite ends the outgoing direction, as a FIN does.
func (c *pipeConn) CloseWrite() error {
	c.out.set(func(l *lane) { l.finished = true })
	return nil
}

// SetLinger with 0 makes Close a reset, as on a TCP connection.
func (c *pipeConn) SetLinger(sec int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.linger = sec != 0
	return nil
}

// Close ends both directions. It may be called more than once.
func (c *pipeConn) Close() error {
	c.mu.Lock()
	linger := c.linger
	c.mu.Unlock()
	c.in.set(func(l *lane) { l.readerGone = true })
	c.out.set(func(l *lane) {
		l.writerGone = true
		if !linger && !l.finished {
			l.reset, l.buf = true, nil
		}
		l.finished = true
	})
	_ = c.SetDeadline(time.Time{}) // it cannot fail
	return nil
}

// LocalAddr implements net.Conn.
func (c *pipeConn) LocalAddr() net.Addr { return pipeAddr{} }

// RemoteAddr implements net.Conn.
func (c *pipeConn) RemoteAddr() net.Addr { return pipeAddr{} }

// SetDeadline implements net.Conn.
func (c *pipeConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t) // it cannot fail
	return c.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *pipeConn) SetReadDeadline(t time.Time) error {
	c.in.set(func(l *lane) { l.readBy.set(t, l.cond) })
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *pipeConn) SetWriteDeadline(t time.Time) error {
	c.out.set(func(l *lane) { l.writeBy.set(t, l.cond) })
	return nil
}

// lane is one direction of a connection.
type lane struct {
	mu         sync.Mutex
	cond       *sync.Cond
	buf        []byte
	finished   bool // no more bytes will come
	reset      bool // the writer's side was reset
	readerGone bool
	writerGone bool
	readBy     deadline
	writeBy    deadline
}

func newLane() *lane {
	l := &lane{}
	l.cond = sync.NewCond(&l.mu)
	return l
}

// set changes the lane and wakes everybody who waits for it.
func (l *lane) set(change func(*lane)) {
	l.mu.Lock()
	change(l)
	l.mu.Unlock()
	l.cond.Broadcast()
}

func (l *lane) read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case l.readerGone:
			return 0, net.ErrClosed
		case l.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case l.reset:
			return 0, syscall.ECONNRESET
		case len(p) == 0:
			return 0, nil
		case len(l.buf) > 0:
			n := copy(p, l.buf)
			l.buf = l.buf[n:]
			l.cond.Broadcast()
			return n, nil
		case l.finished:
			return 0, io.EOF
		}
		l.cond.Wait()
	}
}

func (l *lane) write(p []byte) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case l.writerGone:
			return n, net.ErrClosed
		case l.finished:
			return n, syscall.EPIPE
		case l.readerGone:
			return n, syscall.ECONNRESET
		case l.writeBy.passed():
			return n, os.ErrDeadlineExceeded
		case len(p) == 0:
			return n, nil
		}
		if room := min(pipeBuffer-len(l.buf), len(p)); room > 0 {
			l.buf = append(l.buf, p[:room]...)
			p, n = p[room:], n+room
			l.cond.Broadcast()
			continue
		}
		l.cond.Wait()
	}
}

// deadline is a moment after which reads or writes fail. It is guarded by lane.mu.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// passed tells whether it is too late.
func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// set moves the deadline; those who wait on cond look again when it passes.
func (d *deadline) set(t time.Time, cond *sync.Cond) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = t
	if left := time.Until(t); !t.IsZero() && left > 0 {
		d.timer = time.AfterFunc(left, cond.Broadcast)
	}
}
