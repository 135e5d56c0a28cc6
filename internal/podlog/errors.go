package podlog

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// Reason says in one word why a session could not be opened, or ended. It is stable: metrics carry it as an attribute
// and repeated failures are told from new ones by it.
type Reason string

// The reasons for which a session is not opened.
const (
	// ReasonDNS: the name of the service, or of the proxy, was not found.
	ReasonDNS Reason = "dns"
	// ReasonDial: no TCP connection with the service or the proxy.
	ReasonDial Reason = "dial"
	// ReasonProxy: the proxy did not connect us with the service.
	ReasonProxy Reason = "proxy"
	// ReasonProxyAuth: the proxy wants (other) credentials.
	ReasonProxyAuth Reason = "proxy_auth"
	// ReasonTLS: the TLS handshake failed, but not for a certificate.
	ReasonTLS Reason = "tls"
	// ReasonCertificate: the service's certificate is not trusted.
	ReasonCertificate Reason = "certificate"
	// ReasonClientCertificate: the service refuses our certificate.
	ReasonClientCertificate Reason = "client_certificate"
	// ReasonNoClientCertificate: the service requires a certificate of us, and we have none.
	ReasonNoClientCertificate Reason = "client_certificate_required"
	// ReasonTimeout: the attempt took longer than the handshake timeout.
	ReasonTimeout Reason = "handshake_timeout"
	// ReasonHandshake: the connection ended, or made no sense, before the answer to the handshake was read.
	ReasonHandshake Reason = "handshake"
	// ReasonStatus: the handshake was answered, but not by 101; [Error.Status] has the answer.
	ReasonStatus Reason = "status"
)

// The reasons for which an open session ends.
const (
	// ReasonClosed: the service sent a close frame; [Error.CloseCode] has its code.
	ReasonClosed Reason = "closed"
	// ReasonDropped: the connection ended without a close frame. WebSocket libraries call it 1006.
	ReasonDropped Reason = "dropped"
	// ReasonSilent: no byte came for longer than the keepalive allows.
	ReasonSilent Reason = "silent"
	// ReasonProtocol: the peer sent what is no WebSocket frame.
	ReasonProtocol Reason = "protocol"
)

// Error is why a session could not be opened, or ended. Its methods that return a bool return false for nil, so that what
// [AsError] returns can be asked at once.
type Error struct {
	// Op is what was tried, in words that follow "could not" or stand before a colon.
	Op     string
	Reason Reason
	// Status is the HTTP status of the service's or, with ReasonProxy and ReasonProxyAuth, of the proxy's answer.
	// 0 if there was none.
	Status int
	// Verified: the answer with ReasonStatus came over TLS with a verified certificate, so the service itself sent it.
	// Otherwise anybody on the way may have.
	Verified bool
	// Body is the beginning of the answer's body, on one line and without secrets.
	Body string
	// CloseCode is the WebSocket close code with ReasonClosed.
	CloseCode int
	// mayBeOpen: the handshake was sent, and what was read of its answer is not one that refuses.
	mayBeOpen bool
	// RetryAfter is how long the answer asks us to stay away: 0 to 10 minutes.
	RetryAfter time.Duration
	// Quiet is for how long nothing had come when an open session ended; 0 where it had been quiet for longer before.
	Quiet time.Duration
	// Err is the cause, nil if the other fields say it all.
	Err error
}

// AsError returns the Error that err is or wraps, nil if there is none.
func AsError(err error) *Error {
	failed, _ := errors.AsType[*Error](err)
	return failed
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": HTTP %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.CloseCode != 0 {
		fmt.Fprintf(&b, ": close code %d", e.CloseCode)
	}
	if e.Body != "" {
		fmt.Fprintf(&b, " (%s)", e.Body)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Ended says whether a session was open, and has ended. Otherwise none was opened.
func (e *Error) Ended() bool {
	if e == nil {
		return false
	}
	switch e.Reason {
	case ReasonClosed, ReasonDropped, ReasonSilent, ReasonProtocol:
		return true
	default:
		return false
	}
}

// EndedInOrder says whether a session ended by a close frame without a complaint: code 1000, or none. A gateway that has
// lost the service also sends others, such as 1001 and 1011; what was in flight is lost then.
func (e *Error) EndedInOrder() bool {
	return e != nil && e.Reason == ReasonClosed &&
		(e.CloseCode == websocket.CloseNormalClosure || e.CloseCode == websocket.CloseNoStatusReceived)
}

// MayBeOpen says whether the service may have opened the session although its answer was not read. It counts what it
// wrote to that session as delivered.
func (e *Error) MayBeOpen() bool { return e != nil && e.mayBeOpen }

// SlotTaken says whether the service refused the session because another one of the same token and event type is open.
func (e *Error) SlotTaken() bool {
	return e != nil && e.Reason == ReasonStatus && e.Status == http.StatusConflict
}

// Label is the reason with the status or close code that tells it from others of its kind: `status_409`,
// `closed_1001`, `dropped`.
func (e *Error) Label() string {
	switch {
	case e.Status != 0:
		return string(e.Reason) + "_" + strconv.Itoa(e.Status)
	case e.CloseCode != 0:
		return string(e.Reason) + "_" + strconv.Itoa(e.CloseCode)
	default:
		return string(e.Reason)
	}
}
