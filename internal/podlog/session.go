package podlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// Handler takes what a session reads. All its methods are called by the goroutine that is in [Session.Receive]; while
// one runs, nothing is read from the connection, and the liveness clock rests. An error from it ends the session and
// is what Receive returns.
type Handler interface {
	// Frame takes the content of one data frame, text or binary, that was read at a time. data is the session's own and
	// only valid during the call. truncated: the frame was longer than the limit, and data is its beginning.
	Frame(data []byte, read time.Time, truncated bool) error
	// Due is when Flush wants to be called even if nothing arrives; the zero time: not at all.
	Due() time.Time
	// Flush is called at Due or a little later.
	Flush() error
}

// Session is one open WebSocket session. One goroutine calls [Session.Receive], once; the other methods are safe to
// call from anywhere, but for those that say otherwise.
type Session struct {
	ws        *websocket.Conn
	conn      *connection
	patient   *patientConn
	keepalive Keepalive
	secrets   []string // that no error repeats
	opened    time.Time
	date      time.Time

	finishOnce sync.Once
	finish     chan struct{} // closed by Finish
	// pinged is when the newest ping was sent, in nanoseconds since the connection was made.
	pinged atomic.Int64

	messages *messages // of the reading goroutine
}

// controlWait bounds the writing of a ping or close frame. Both fit into any send buffer that is not stuck.
const controlWait = 5 * time.Second

// Opened is when the handshake was answered.
func (s *Session) Opened() time.Time { return s.opened }

// Date is what the service's clock said at the handshake, to the second; zero if it did not say.
func (s *Session) Date() time.Time { return s.date }

// LastByte is when the last byte of any kind came from the service.
func (s *Session) LastByte() time.Time { return s.conn.wire.last() }

// UpToDate returns the last time of which it is known that the service had not closed the session, and that all it had
// sent by then has been read. The time at which a close frame is read tells less: it may have waited for the reader. Only
// for the handler, and after Receive.
func (s *Session) UpToDate() time.Time { return s.patient.progress.upToDate }

// Alive returns the last time of which a byte from the service proves what UpToDate says. Only for the handler, and after
// Receive.
func (s *Session) Alive() time.Time { return s.patient.progress.alive }

// Pending says whether something has come of a message that is not complete yet. It is for the handler's Flush.
func (s *Session) Pending() bool { return s.messages.pending() || s.LastByte().After(s.patient.passed) }

// Finish asks for an orderly end: a close frame goes out, so that the service frees the slot, and Receive goes on
// until the service closes, too, or sends nothing for 10 to 20 seconds, or the context ends. It does not wait.
func (s *Session) Finish() { s.finishOnce.Do(func() { close(s.finish) }) }

// Receive reads until the session ends, passes every frame to handler, and closes the connection. It returns why: an
// [*Error], the handler's error, or ctx's cause, when it was ctx that ended it. It leaves no goroutine behind.
func (s *Session) Receive(ctx context.Context, handler Handler) error {
	var writer sync.WaitGroup
	done := make(chan struct{})
	writer.Go(func() { s.write(done) })
	stop := context.AfterFunc(ctx, s.conn.abort)

	watched := &watchedHandler{Handler: handler}
	s.patient.wire = s.conn.wire
	s.patient.limit = s.keepalive.Interval + s.keepalive.Timeout
	s.patient.finishing = s.finish
	s.patient.handler = watched
	s.patient.read = s.opened // of what came with the answer to the handshake
	err := s.read(watched)

	stop()
	s.conn.abort()
	close(done)
	writer.Wait()

	switch {
	case watched.err != nil:
		return watched.err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		failed := s.endError(err)
		if s.patient.quiet == s.patient.longest {
			failed.Quiet = s.patient.quiet
		}
		return failed
	}
}

// watchedHandler remembers the handler's error, to tell it from one of the connection.
type watchedHandler struct {
	Handler
	err error
}

func (h *watchedHandler) Flush() error {
	h.err = h.Handler.Flush()
	return h.err
}

func (s *Session) read(handler *watchedHandler) error {
	for {
		data, truncated, err := s.messages.next()
		if err != nil {
			// What came of a frame before the connection broke is no record, nor a part that anyone could use. The
			// service has not sent it whole, so no reading of its resume rule lets it count as delivered.
			return err
		}
		if handler.err = handler.Frame(data, s.patient.read, truncated); handler.err != nil {
			return handler.err
		}
	}
}

// write owns what we write by ourselves: pings, while the session is quiet or because the reader asks for one, and the
// close frame. A write that fails is not reported: the reading goroutine learns of a broken connection by itself, and says
// why.
func (s *Session) write(done <-chan struct{}) {
	timer := time.NewTimer(s.keepalive.Interval)
	defer timer.Stop()
	for {
		select {
		case <-done:
			return
		case <-s.finish:
			message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			_ = s.ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(controlWait))
			return
		case <-s.patient.progress.ping:
			s.ping(time.Now())
			continue
		case <-timer.C:
		}
		now := time.Now()
		quietSince := s.LastByte()
		if now.Sub(quietSince) >= s.keepalive.Interval {
			s.ping(now)
			quietSince = now // for the next ping, if this one is not answered
		}
		timer.Reset(quietSince.Add(s.keepalive.Interval).Sub(now))
	}
}

// ping sends a ping that says when it was sent.
func (s *Session) ping(now time.Time) {
	sent := now.Sub(s.conn.wire.begun)
	s.pinged.Store(int64(sent))
	_ = s.ws.WriteControl(websocket.PingMessage, pingContent(sent), now.Add(controlWait))
}

// pong reads a pong. One that does not answer a ping of ours tells nothing of when it was sent.
func (s *Session) pong(content []byte) {
	if sent, ok := pingSent(content, time.Duration(s.pinged.Load())); ok {
		s.patient.progress.answered(s.conn.wire.begun.Add(sent))
	}
}

// endError says why reading ended.
func (s *Session) endError(err error) *Error {
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, errSilent) && s.patient.finishing == nil:
		return &Error{Op: "the service did not answer our close frame", Reason: ReasonSilent}
	case errors.Is(err, errSilent):
		limit := s.keepalive.Interval + s.keepalive.Timeout
		return &Error{Op: fmt.Sprintf("nothing came from the service for %v, no answer to pings either", limit), Reason: ReasonSilent}
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		return &Error{Op: "the service closed the session", Reason: ReasonClosed, CloseCode: closed.Code, Body: excerpt(closed.Text, s.secrets)}
	case errors.As(err, &closed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Op: "the connection ended without a close frame", Reason: ReasonDropped}
	case isNetwork(err):
		return &Error{Op: "the connection broke", Reason: ReasonDropped, Err: quoted(err, s.secrets)}
	default:
		return &Error{Op: "reading a frame", Reason: ReasonProtocol, Err: quoted(err, s.secrets)}
	}
}

// isNetwork tells an error of the connection, TLS included, from one of the WebSocket frames in it.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}
