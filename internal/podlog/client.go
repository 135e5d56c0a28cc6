package podlog

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// Keepalive says how a quiet session is kept alive and how a dead one is noticed.
type Keepalive struct {
	// Interval is how long no byte may come before a ping goes out. The service ends sessions idle for about 300 s.
	Interval time.Duration
	// Timeout is how long after Interval the session is taken for dead if still nothing came. The service's pongs
	// come late while it pushes a backlog, so under 60 s healthy sessions die.
	Timeout time.Duration
}

// Client opens sessions. Its fields are not changed after the first [Client.Open]; then it is safe for concurrent use.
type Client struct {
	// Endpoint is the service's URL, scheme wss or ws. `cid` and `type` are added to its query.
	Endpoint *url.URL
	// ClusterID is the PoD cluster, query parameter `cid`.
	ClusterID string
	// Header holds further headers of the handshake.
	Header http.Header
	// TLS configures wss. nil: the platform's certificate authorities.
	TLS *tls.Config
	// Proxy is the proxy that sessions go through; its scheme is http or socks5. nil: none.
	Proxy *url.URL
	// HandshakeTimeout bounds a whole attempt: name lookup, dial, proxy, TLS and WebSocket handshake.
	HandshakeTimeout time.Duration
	Keepalive        Keepalive
	// MaxRecordSize is the length in bytes at which a frame's content is cut.
	MaxRecordSize int64
	// Dial opens TCP connections. nil: a [net.Dialer].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// controlBufferSize is enough for the control frames, all we ever write, and for the lines of an answer.
const controlBufferSize = 512

// unwantedWait is how long an answer is awaited that nobody wants any more.
const unwantedWait = 2 * time.Second

// Open tries once to open a live session for the event type; auth are the headers that authenticate it. It returns
// within HandshakeTimeout, and at once when abort ends. When stop ends, it returns at once too, unless the handshake is
// on its way: a session that the service opens unheard takes the records with it that it writes there, so the answer is
// awaited, for 2 s at the most. The error is the cause of stop or abort, or an [*Error].
//
// The caller has to call [Session.Receive], which closes the session.
func (c *Client) Open(stop, abort context.Context, t EventType, auth http.Header) (*Session, error) {
	return c.try(stop, abort, c.url(c.query(t)), auth)
}

// OpenArchive is Open for a session with the archive, from since until to, which the service rounds to whole hours. It
// takes the slot of a live session with the same token. What it brings can be read again, so when ctx ends, it returns
// at once, whatever is on its way. Receive ends when all is delivered: with ReasonClosed, or, as
// some clients saw, with ReasonDropped, which can't be told from a drop in the middle.
func (c *Client) OpenArchive(ctx context.Context, t EventType, auth http.Header, since, to time.Time) (*Session, error) {
	query := c.query(t)
	query.Set("sinceTime", archiveTime(since))
	query.Set("toTime", archiveTime(to))
	return c.try(ctx, ctx, c.url(query), auth)
}

// archiveTime spells a time in the way that needs no escaping in a URL, and that every client's author got to work.
func archiveTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000") + "-0000" }

// try makes one attempt within HandshakeTimeout.
func (c *Client) try(stop, abort context.Context, url string, auth http.Header) (*Session, error) {
	attempt, cancel := context.WithTimeout(abort, c.HandshakeTimeout)
	defer cancel()

	session, err := c.open(stop, attempt, url, auth)
	if err == nil {
		return session, nil
	}
	if deadline, _ := attempt.Deadline(); !time.Now().Before(deadline) {
		<-attempt.Done() // the same deadline, set on the connection, can be a moment ahead of the context
	}
	var failed *Error
	if !errors.As(err, &failed) {
		failed = &Error{Op: "opening the session", Reason: ReasonHandshake, Err: err}
	}
	for _, ended := range []context.Context{abort, stop} {
		if ended.Err() == nil {
			continue
		}
		if failed.mayBeOpen {
			return nil, &Error{Op: failed.Op, Reason: ReasonHandshake, mayBeOpen: true, Err: context.Cause(ended)}
		}
		return nil, context.Cause(ended)
	}
	// An answer that was read counts, even if the time ran out while more of it was awaited.
	if failed.Status == 0 && attempt.Err() != nil {
		return nil, &Error{
			Op: failed.Op + ": no answer within " + c.HandshakeTimeout.String(), Reason: ReasonTimeout, mayBeOpen: failed.mayBeOpen,
		}
	}
	return nil, failed
}

// open makes the attempt that ctx ends. stop ends it before the handshake is sent, and unwantedWait later after that.
func (c *Client) open(stop, ctx context.Context, url string, auth http.Header) (*Session, error) {
	connecting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(stop, cancel)()
	conn, err := c.connect(connecting)
	if err != nil {
		return nil, err
	}
	if stop.Err() != nil { // nothing is sent for nothing
		conn.abort()
		return nil, context.Cause(stop)
	}
	waiting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	patience := time.AfterFunc(c.HandshakeTimeout, giveUp)
	defer patience.Stop()
	defer context.AfterFunc(stop, func() { patience.Reset(unwantedWait) })()
	// gorilla's handshake does not end with its context: closing the connection ends it.
	ended := context.AfterFunc(waiting, conn.abort)

	patient := &patientConn{Conn: conn.top}
	answer := &answerConn{Conn: patient, in: bufio.NewReaderSize(patient, readBufferSize), rest: maxAnswer}
	dialer := websocket.Dialer{
		NetDialContext:    func(context.Context, string, string) (net.Conn, error) { return answer, nil },
		NetDialTLSContext: func(context.Context, string, string) (net.Conn, error) { return answer, nil },
		ReadBufferSize:    controlBufferSize,
		WriteBufferSize:   controlBufferSize,
	}
	header := c.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	for name, values := range auth {
		header[http.CanonicalHeaderKey(name)] = values
	}
	ws, response, err := dialer.DialContext(waiting, url, header) //nolint:bodyclose // gorilla hands out a copy
	if err != nil {
		ended()
		conn.abort()
		failed := c.handshakeError(response, err, c.secrets(auth))
		failed.Verified = failed.Reason == ReasonStatus && isVerified(conn.top)
		return nil, failed
	}
	if !ended() {
		return nil, &Error{Op: "WebSocket handshake with " + c.Endpoint.Host, Reason: ReasonHandshake, mayBeOpen: true, Err: waiting.Err()}
	}
	session := &Session{
		ws:        ws,
		conn:      conn,
		patient:   patient,
		keepalive: c.Keepalive,
		secrets:   c.secrets(auth),
		finish:    make(chan struct{}),
		opened:    time.Now(),
		date:      date(response),
	}
	session.messages = &messages{in: answer.in, out: ws, limit: c.MaxRecordSize, pong: session.pong}
	patient.progress = newProgress(conn.wire.begun, session.opened)
	return session, nil
}

// url is the endpoint with a query. The usual port is left out, as browsers do: the header `Host` has what is here, and
// some load balancers know the name alone.
func (c *Client) url(query url.Values) string {
	u := *c.Endpoint
	if u.Port() == usualPort(u.Scheme) {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// query holds the parameters of a live session: `cid` and `type`, and never a time, which would mean the archive.
func (c *Client) query(t EventType) url.Values {
	query := c.Endpoint.Query()
	query.Set("cid", c.ClusterID)
	query.Set("type", string(t))
	return query
}

// date is the service's time in its answer, zero if it has none.
func date(response *http.Response) time.Time {
	at, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// isVerified says whether a connection is TLS, and the certificate of its peer was verified.
func isVerified(conn net.Conn) bool {
	secured, ok := conn.(*tls.Conn)
	return ok && len(secured.ConnectionState().VerifiedChains) > 0
}

// handshakeError tells an answer other than 101 from no answer at all.
func (c *Client) handshakeError(response *http.Response, err error, secrets []string) *Error {
	failed := &Error{Op: "WebSocket handshake", Reason: ReasonHandshake}
	if response == nil {
		failed.Err = quoted(err, secrets)
		failed.mayBeOpen = true
		if reason := c.clientCertificateReason(err); reason != "" {
			failed.Reason, failed.mayBeOpen = reason, false
		}
		return failed
	}
	failed.Reason = ReasonStatus
	failed.Status = response.StatusCode
	failed.RetryAfter = retryAfter(response.Header, time.Now())
	failed.mayBeOpen = response.StatusCode == http.StatusSwitchingProtocols
	location := response.Header.Get("Location")
	switch {
	case response.StatusCode == http.StatusSwitchingProtocols || !errors.Is(err, websocket.ErrBadHandshake):
		failed.Err = quoted(err, secrets)
	case response.StatusCode/100 == 3 && location != "":
		failed.Err = errors.New("to " + excerpt(location, secrets))
	}
	if body, readErr := io.ReadAll(io.LimitReader(response.Body, maxText)); readErr == nil {
		failed.Body = excerpt(string(body), secrets)
	}
	return failed
}

// secrets lists what must not be repeated: the values of the headers that authenticate, with and without a scheme
// such as `Bearer` before them, and those of the further headers that are long enough to be a secret. Who we are is none.
func (c *Client) secrets(auth http.Header) []string {
	var list []string
	for name, values := range c.Header {
		for _, value := range values {
			if len(value) >= minSecretPart && name != "User-Agent" {
				list = append(list, value)
			}
		}
	}
	for _, values := range auth {
		for _, value := range values {
			if _, token, found := strings.Cut(value, " "); found {
				list = append(list, token)
			}
			list = append(list, value)
		}
	}
	return list
}
