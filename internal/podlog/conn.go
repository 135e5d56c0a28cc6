package podlog

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// wire is the TCP connection. It notes when the last byte came, whatever it belongs to: a frame, a pong, a TLS record.
type wire struct {
	net.Conn
	begun time.Time
	// lastByte is in nanoseconds since begun, by the clock that nobody sets: a machine's clock that is set back would
	// silence the pings. Written by the reading goroutine, read by any.
	lastByte atomic.Int64
}

func newWire(conn net.Conn) *wire { return &wire{Conn: conn, begun: time.Now()} }

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.lastByte.Store(int64(time.Since(w.begun)))
	}
	return n, err
}

// last is when the last byte came, or the connection was made.
func (w *wire) last() time.Time { return w.begun.Add(time.Duration(w.lastByte.Load())) }

// answerConn is what gorilla reads the answer to the handshake from: its head, and then what follows. No read goes beyond
// the end of a line, so that gorilla, which keeps what it has read, has the answer and none of the frames behind it.
type answerConn struct {
	net.Conn
	in   *bufio.Reader
	rest int // how many bytes more may be read

	begun bool
	head  []byte // what is left of it
}

func (c *answerConn) Read(p []byte) (int, error) {
	if !c.begun {
		c.begun = true
		head, err := readAnswer(c.in)
		if err != nil {
			return 0, err
		}
		c.rest -= len(head)
		c.head = withoutClose(head)
	}
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	if c.rest <= 0 {
		return 0, errLongAnswer
	}
	if _, err := c.in.Peek(1); err != nil {
		return 0, err
	}
	line, _ := c.in.Peek(min(len(p), c.in.Buffered()))
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end+1]
	}
	n, err := c.in.Read(p[:len(line)])
	c.rest -= n
	return n, err
}

// errSilent ends a session whose peer sent nothing for too long.
var errSilent = errors.New("no sign of life")

// patientConn lies between WebSocket and TLS. While a session receives, it lets the reading goroutine do something
// else when the wait is long: hand on a batch that is due, or find the peer dead. Read deadlines do this without harm,
// as crypto/tls goes on after one that passed; the reader of messages, above, never sees it.
//
// Only the reading goroutine uses its fields, but for Conn.
type patientConn struct {
	net.Conn
	// wire tells of signs of life that are no complete TLS record yet.
	wire *wire
	// handler's due batches are flushed; nil before the session receives, and then reads are plain ones.
	handler Handler
	// passed is when the last byte had come at the end of the last read: what has come since is a part of a TLS record.
	passed time.Time
	// read is when the last read brought something. Frames share it, since twenty lines of the mail log come with one
	// read, and the time of day, asked for each of them, is a thirtieth of what one costs.
	read time.Time
	// progress says how far reading has come.
	progress progress
	// quiet is how long the last read waited, and longest the longest of all. Time in which the handler flushed does not
	// count.
	quiet, longest time.Duration
	// limit is how long a read may wait for a byte.
	limit time.Duration
	// finishing is closed when our close frame is due; nil once that was noticed, within closeWait. From then on the
	// peer may send nothing for closeWait.
	finishing <-chan struct{}
	// armed is the read deadline that Conn has now. It is left alone while it is early enough, because setting it at
	// every read would cost more than a deadline that passes for nothing now and then.
	armed time.Time
}

// Read waits for bytes. The liveness clock starts anew with every call and rests while the handler flushes: time in
// which nobody read does not count against the peer.
func (c *patientConn) Read(p []byte) (int, error) {
	if c.handler == nil {
		return c.Conn.Read(p)
	}
	now := time.Now()
	since := now
	c.progress.parsed(c.read, now)
	for {
		due := c.handler.Due()
		if !due.IsZero() && !now.Before(due) {
			if err := c.handler.Flush(); err != nil {
				return 0, err
			}
			flushed := time.Now()
			since = since.Add(flushed.Sub(now))
			c.progress.worked(flushed.Sub(now), flushed)
			now = flushed
			continue
		}
		if c.finishes() {
			since = now
		}
		dead := since.Add(c.limit)
		if !now.Before(dead) {
			c.waited(now.Sub(since))
			return 0, errSilent
		}
		if err := c.arm(now, due, dead); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(p)
		if err == nil || n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			c.passed = c.wire.last()
			c.read = time.Now()
			c.progress.waited(now, c.read, c.armed, false)
			c.waited(c.read.Sub(since))
			return n, err
		}
		began := now
		now = time.Now()
		c.progress.waited(began, now, c.armed, true)
		if last := c.wire.last(); last.After(since) {
			since = last
		}
	}
}

// waited notes how long a read waited.
func (c *patientConn) waited(quiet time.Duration) {
	c.quiet = quiet
	c.longest = max(c.longest, quiet)
}

// closeWait is how long a peer that has our close frame may send nothing.
const closeWait = 10 * time.Second

// finishes notices once that our close frame is due, and shortens the patience with the peer.
func (c *patientConn) finishes() bool {
	select {
	case <-c.finishing:
		c.finishing = nil
		c.limit = min(c.limit, closeWait)
		return true
	default:
		return false
	}
}

// Write never fails. A peer that goes away says so to the one who reads, and often why, by an answer, a TLS alert or a
// close frame that came before a write to it failed; gorilla would give up at the failed write and not read that.
func (c *patientConn) Write(p []byte) (int, error) {
	_, _ = c.Conn.Write(p)
	return len(p), nil
}

// arm sees to it that a read returns by due, if there is one, by dead, and in time to notice that we finish.
func (c *patientConn) arm(now, due, dead time.Time) error {
	want := dead
	if !due.IsZero() && due.Before(want) {
		want = due
	}
	if notice := now.Add(closeWait); c.finishing != nil && notice.Before(want) {
		want = notice
	}
	if c.armed.After(now) && !c.armed.After(want) {
		return nil
	}
	c.armed = want
	return c.Conn.SetReadDeadline(want)
}
