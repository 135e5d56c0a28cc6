package podsim

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// grace is how long the service waits for the peer while a session ends: for a write that is under way, for the
// client's close frame, and for the client to close its side of the connection.
const grace = time.Second

// session is one accepted handshake. Three goroutines share it: the handshake's own supervises the session and ends
// it, a reader listens to the client, a writer sends records and pongs. The fields marked as shared are guarded by
// Service.mu.
type session struct {
	svc     *Service
	step    Step
	conn    *websocket.Conn
	orders  chan Action // how Service.Drop wants the session to end; holds one
	archive *archive    // what is left to tell; nil for a live session; the writer's
	log     *recordLog  // shared
	slot    *slot       // shared

	position int64       // shared: the next record of a live session
	tail     int         // shared: records still to be written after the client's close frame
	info     SessionInfo // shared
	active   time.Time   // shared: when something was last sent or received
	pongs    []pong      // shared: answers that are due, in order
	stop     bool        // shared: the writer must end
	gone     bool        // shared: the connection is closed
}

// pong is an answer to a ping.
type pong struct {
	due  time.Time
	data []byte
}

// ending is how a session ends.
type ending struct {
	by     string // as in SessionInfo.EndedBy
	action Action // what the service does about it; empty if the client is gone or the service closes
	code   int    // of the service's close frame
	reason string
	lose   int  // records that are taken for written
	clean  bool // a close frame came or goes: the slot is free at once
}

// run serves the session until it and its goroutines have ended.
func (c *session) run() {
	c.listen()
	var both sync.WaitGroup
	read, written := make(chan ending, 1), make(chan ending, 1)
	both.Go(func() { defer close(read); c.read(read) })
	both.Go(func() { defer close(written); written <- c.write() })
	c.end(c.supervise(read, written), read, written)
	_ = c.bare().Close()
	both.Wait()
	c.over()
}

// over marks the end of everything.
func (c *session) over() {
	c.svc.mu.Lock()
	c.gone = true
	c.svc.unlockAndWake()
}

// supervise waits for the reason to end the session.
func (c *session) supervise(read, written <-chan ending) ending {
	var after <-chan time.Time
	if c.step.Do.ends() && c.step.After > 0 {
		t := time.NewTimer(c.step.After)
		defer t.Stop()
		after = t.C
	}
	idle := time.NewTimer(c.svc.opts.IdleTimeout)
	defer idle.Stop()
	for {
		select {
		case e := <-written:
			return e
		case e, ok := <-read:
			if ok {
				return e
			}
			read = nil // the client's close frame is the writer's affair
		case how := <-c.orders:
			return c.ordered(how)
		case <-after:
			return c.scripted()
		case <-idle.C:
			c.svc.mu.Lock()
			left := c.svc.opts.IdleTimeout - time.Since(c.active)
			c.svc.mu.Unlock()
			if left <= 0 {
				return ending{by: "idle", action: Drop}
			}
			idle.Reset(left)
		case <-c.svc.ctx.Done():
			return ending{by: "shutdown"}
		}
	}
}

// scripted is the ending that the step provides.
func (c *session) scripted() ending {
	e := c.ordered(c.step.Do)
	e.lose = c.step.Lose
	if c.step.Code != 0 {
		e.code = c.step.Code
	}
	e.reason = c.step.Reason
	return e
}

// ordered is the ending by an action.
func (c *session) ordered(how Action) ending {
	return ending{by: string(how), action: how, code: websocket.CloseNormalClosure, clean: how == Close}
}

// end ends the session: first the writer, then the books, so that a client that comes back at once finds the slot as
// it must be, then the connection.
func (c *session) end(e ending, read, written <-chan ending) {
	c.svc.mu.Lock()
	c.stop = true
	c.svc.unlockAndWake()
	switch e.action {
	case Drop, Close:
		if !c.ended(written, grace) {
			_ = c.bare().Close() // the client does not read
		}
	case Freeze, Reset:
		c.freeze(written)
	default:
		_ = c.bare().Close()
		c.ended(written, grace)
	}
	c.settle(e)
	switch e.action {
	case Reset:
		reset(c.conn.NetConn())
	case Freeze:
		c.thaw()
	case Close:
		message := websocket.FormatCloseMessage(e.code, e.reason)
		_ = c.conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(grace)) // the client may be gone
		c.finish(read)
	case Drop:
		c.finish(read)
	}
}

// finish closes the service's side of the connection, so that all that was written arrives, and waits for the
// client's side.
func (c *session) finish(read <-chan ending) {
	conn := c.bare()
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		_ = conn.Close()
	}
	c.ended(read, grace)
}

// ended waits for a goroutine to close its channel. It gives up after d, or when the service closes.
func (c *session) ended(done <-chan ending, d time.Duration) bool {
	limit := time.NewTimer(d)
	defer limit.Stop()
	for {
		select {
		case _, ok := <-done:
			if !ok {
				return true
			}
		case <-limit.C:
			return false
		case <-c.svc.ctx.Done():
			return false
		}
	}
}

// freeze ends reader and writer and leaves the connection open.
func (c *session) freeze(written <-chan ending) {
	past := time.Unix(1, 0)
	for {
		_ = c.bare().SetDeadline(past) // it fails only on a closed connection
		// gorilla lifts the deadline with every write, so one that begins just now needs it again.
		if c.ended(written, 10*time.Millisecond) || c.svc.ctx.Err() != nil {
			return
		}
	}
}

// thaw keeps a frozen connection until somebody ends it.
func (c *session) thaw() {
	for {
		select {
		case how := <-c.orders:
			if how == Reset {
				reset(c.conn.NetConn())
			}
			if how != Freeze {
				return
			}
		case <-c.svc.ctx.Done():
			return
		}
	}
}

// settle writes down how the session ended and where the next one starts.
func (c *session) settle(e ending) {
	c.svc.mu.Lock()
	defer c.svc.unlockAndWake()
	now := c.svc.now()
	c.info.Ended, c.info.EndedBy = now, e.by
	c.slot.busy = false
	if !e.clean && c.svc.opts.SlotHold > 0 {
		c.slot.heldTill = now.Add(c.svc.opts.SlotHold)
	}
	if c.archive != nil {
		if c.svc.opts.ArchiveMovesLive {
			c.slot.stood, c.slot.position, c.slot.ended = true, c.archive.end, now
		}
		if c.svc.opts.ArchiveSkipsLive {
			c.slot.stood, c.slot.position, c.slot.ended = true, c.log.next(), now
		}
		return
	}
	lost, first := c.log.from(c.position, e.lose)
	c.info.Lost = len(lost)
	if c.svc.opts.Resume == ResumeAfterWritten {
		c.position = first + int64(len(lost))
	}
	c.slot.stood, c.slot.position, c.slot.ended = true, c.position, now
}

// bare is the connection beneath TLS.
func (c *session) bare() net.Conn { return bare(c.conn.NetConn()) }

// listen sets what happens on the client's control frames. None of it writes: that is the writer's.
func (c *session) listen() {
	delay := c.svc.opts.PongDelay
	if c.step.PongDelay != 0 {
		delay = c.step.PongDelay
	}
	c.conn.SetPingHandler(func(data string) error {
		c.heard(func() {
			c.info.Pings++
			if !c.step.NoPong {
				c.pongs = append(c.pongs, pong{due: time.Now().Add(delay), data: []byte(data)})
			}
		})
		return nil
	})
	c.conn.SetPongHandler(func(string) error { c.heard(func() {}); return nil })
	c.conn.SetCloseHandler(func(code int, _ string) error {
		c.heard(func() { c.info.CloseCode = code })
		return nil
	})
}

// heard notes a sign of life together with what it said.
func (c *session) heard(what func()) {
	c.svc.mu.Lock()
	c.active = time.Now()
	what()
	c.svc.unlockAndWake()
}

// read listens until the client closes. It reports a client that is gone without a close frame.
func (c *session) read(report chan<- ending) {
	for {
		_, message, err := c.conn.NextReader()
		if err == nil {
			_, err = io.Copy(io.Discard, message)
		}
		if err != nil {
			break
		}
		c.heard(func() {})
	}
	c.svc.mu.Lock()
	closed := c.info.CloseCode != 0
	c.svc.mu.Unlock()
	if !closed {
		report <- ending{by: "client gone"}
	}
	_, _ = io.Copy(io.Discard, c.bare()) // until the connection ends; unread bytes would turn its end into a reset
}
