package podlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
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
// call from anywhere.
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
	s.patient.read = time.Now() // of what came with the answer to the handshake
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

// write owns what we write by ourselves: pings while the session is quiet, and the close frame. A write that fails is
// not reported: the reading goroutine learns of a broken connection by itself, and says why.
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
		case <-timer.C:
		}
		now := time.Now()
		quietSince := s.LastByte()
		if now.Sub(quietSince) >= s.keepalive.Interval {
			_ = s.ws.WriteControl(websocket.PingMessage, nil, now.Add(controlWait))
			quietSince = now // for the next ping, if this one is not answered
		}
		timer.Reset(quietSince.Add(s.keepalive.Interval).Sub(now))
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
