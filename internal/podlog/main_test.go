package podlog_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	host      = "logstream.proofpoint.com"
	token     = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0ZXN0LW9ubHkifQ.c2lnbmF0dXJl"
	handshake = 30 * time.Second
	interval  = 2 * time.Minute
	timeout   = time.Minute
)

// errStop is why the tests cancel a context.
var errStop = errors.New("the collector stops")

// world is a client and a network in memory, in a synctest bubble: time passes only while everybody waits. What is at
// the other end, each test plays by hand.
type world struct {
	t       *testing.T
	network *podsim.Pipe
	client  *podlog.Client
	serving *tls.Config             // of the service; nil: no TLS
	wrap    func(net.Conn) net.Conn // the service's end of a connection; nil: as it is
	peers   sync.WaitGroup
}

// play runs a story over ws, without TLS: what is on the wire is what the test wrote.
func play(t *testing.T, story func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() {
			_ = w.network.Close()
			w.peers.Wait()
		}()
		story(w)
	})
}

// playTLS runs a story over wss.
func playTLS(t *testing.T, story func(*world)) {
	t.Helper()
	play(t, func(w *world) {
		ca := newCA(w.t)
		w.secure(ca)
		w.client.TLS = &tls.Config{RootCAs: ca.Pool()}
		story(w)
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, network: podsim.NewPipe()}
	w.client = &podlog.Client{
		Endpoint:         &url.URL{Scheme: "ws", Host: host, Path: podsim.Path},
		ClusterID:        podsim.ClusterID,
		HandshakeTimeout: handshake,
		Keepalive:        podlog.Keepalive{Interval: interval, Timeout: timeout},
		MaxRecordSize:    64 << 20,
		Dial:             w.network.DialContext,
	}
	return w
}

func newCA(t *testing.T) *podsim.CA {
	t.Helper()
	ca, err := podsim.NewCA()
	require.NoError(t, err)
	return ca
}

// secure makes the service speak TLS with a certificate for names, the right ones by default.
func (w *world) secure(ca *podsim.CA, names ...string) {
	w.t.Helper()
	serving, err := ca.ServerConfig(names...)
	require.NoError(w.t, err)
	w.serving = serving
	w.client.Endpoint.Scheme = "wss"
}

// through makes the client use a proxy.
func (w *world) through(proxy string) {
	w.t.Helper()
	u, err := url.Parse(proxy)
	require.NoError(w.t, err)
	w.client.Proxy = u
}

// serve plays the other end of the next connection. The connection is closed at the end of the script.
func (w *world) serve(script func(*peer)) {
	w.peers.Go(func() {
		conn, err := w.network.Accept()
		if err != nil {
			w.t.Errorf("nobody connected: %v", err)
			return
		}
		p := newPeer(w.t, conn)
		defer p.Close()
		script(p)
	})
}

// try opens a session, which must fail.
func (w *world) try(ctx context.Context) *podlog.Error {
	w.t.Helper()
	session, err := w.client.Open(ctx, ctx, podlog.Message, bearer())
	require.Nil(w.t, session)
	failed := asError(w.t, err)
	assert.NotContains(w.t, failed.Error(), token, "a secret was printed")
	assert.False(w.t, failed.Ended(), "there was no session")
	return failed
}

// asError asserts that err is an [podlog.Error], as it is.
func asError(t *testing.T, err error) *podlog.Error {
	t.Helper()
	failed, ok := err.(*podlog.Error) //nolint:errorlint // it is documented to be no other
	require.Truef(t, ok, "%T: %v", err, err)
	return failed
}

func bearer() http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// peer is the other end of a connection: service or proxy, played by hand.
type peer struct {
	net.Conn
	t    *testing.T
	wire net.Conn // below TLS, if there is any
	r    *bufio.Reader
}

func newPeer(t *testing.T, conn net.Conn) *peer {
	t.Helper()
	return &peer{Conn: conn, t: t, wire: conn, r: bufio.NewReader(conn)}
}

// must ends the script if the other end does not do its part.
func (p *peer) must(err error) {
	if err != nil {
		p.t.Fatalf("played by hand: %v", err) // outside the test's goroutine it ends the script alone
	}
}

// secure does the service's part of the TLS handshake.
func (p *peer) secure(config *tls.Config) {
	if config == nil {
		return
	}
	secured := tls.Server(p.Conn, config)
	p.must(secured.HandshakeContext(context.Background()))
	p.Conn = secured
	p.r = bufio.NewReader(secured)
}

// request reads an HTTP request.
func (p *peer) request() *http.Request {
	request, err := http.ReadRequest(p.r)
	p.must(err)
	return request
}

// say writes text as it is.
func (p *peer) say(text string) {
	_, err := io.WriteString(p.Conn, text)
	p.must(err)
}

// upgrade answers a handshake by 101.
func (p *peer) upgrade(request *http.Request) { p.say(switching(request)) }

func switching(request *http.Request) string {
	sum := sha1.Sum([]byte(request.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
}

// untilGone reads until the client closes the connection, which must be an orderly end.
func (p *peer) untilGone() {
	_, err := io.Copy(io.Discard, p.wire)
	p.must(err)
}

// The opcodes of frames (RFC 6455, 5.2).
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
	final          = 0x80
)

// frame is a frame as a server writes it. head is final, or not, with an opcode.
func frame(head byte, payload string) string {
	b := []byte{head}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return string(b) + payload
}

func text(payload string) string { return frame(final|opText, payload) }

func closing(code uint16, reason string) string {
	return frame(final|opClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// heard is a control frame of the client.
type heard struct {
	opcode  byte
	payload string
	at      time.Time
}

// next reads the client's next frame.
func (p *peer) next() (heard, error) {
	head := make([]byte, 6) // two bytes and the mask: all a client of records ever sends is short
	if _, err := io.ReadFull(p.r, head); err != nil {
		return heard{}, err
	}
	payload := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(p.r, payload); err != nil {
		return heard{}, err
	}
	for i := range payload {
		payload[i] ^= head[2+i%4]
	}
	return heard{opcode: head[0] & 0xf, payload: string(payload), at: time.Now()}, nil
}

// elapse lets time pass, and everybody do what is due.
func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// live is an open session. The test plays the service.
type live struct {
	*world
	*handler
	session *podlog.Session
	peer    *peer
	started time.Time
	stop    context.CancelCauseFunc
	ctx     context.Context //nolint:containedctx // of Receive
	result  chan error
}

// open opens a session, whose Receive does not run yet.
func (w *world) open() *live {
	w.t.Helper()
	s := &live{world: w, handler: &handler{}, result: make(chan error, 1)}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	accepted := make(chan *peer, 1)
	w.peers.Go(func() {
		conn, err := w.network.Accept()
		if err != nil {
			w.t.Errorf("nobody connected: %v", err)
			return
		}
		if w.wrap != nil {
			conn = w.wrap(conn)
		}
		p := newPeer(w.t, conn)
		p.secure(w.serving)
		p.upgrade(p.request())
		accepted <- p
	})
	session, err := w.client.Open(context.Background(), context.Background(), podlog.Message, bearer())
	require.NoError(w.t, err)
	s.session, s.peer = session, <-accepted
	return s
}

// receive opens a session and lets it receive.
func (w *world) receive() *live {
	w.t.Helper()
	s := w.open()
	s.run()
	return s
}

// run starts Receive.
func (s *live) run() {
	s.started = time.Now()
	go func() { s.result <- s.session.Receive(s.ctx, s.handler) }()
}

// ended waits for the end of Receive, closes the service's side and returns why.
func (s *live) ended() error {
	s.t.Helper()
	err := <-s.result
	s.stop(nil)
	s.t.Log(err)
	_ = s.peer.wire.Close()
	return err
}

// failed is ended by an Error with this reason.
func (s *live) failed(want podlog.Reason) *podlog.Error {
	s.t.Helper()
	failed := asError(s.t, s.ended())
	assert.Equal(s.t, want, failed.Reason, failed)
	assert.True(s.t, failed.Ended())
	return failed
}

// since is how long Receive has run.
func (s *live) since() time.Duration { return time.Since(s.started) }

// ear keeps what the service heard of the client.
type ear struct {
	mu     sync.Mutex
	frames []heard
}

// all is what came so far.
func (e *ear) all() []heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.frames)
}

// listen reads what the client sends, and answers pings if it is to, until the connection ends.
func (s *live) listen(answerPings bool) *ear {
	e := &ear{}
	s.peers.Go(func() {
		for {
			h, err := s.peer.next()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.frames = append(e.frames, h)
			e.mu.Unlock()
			if answerPings && h.opcode == opPing {
				s.peer.say(frame(final|opPong, h.payload))
			}
		}
	})
	return e
}

// received is a frame as the handler got it.
type received struct {
	data      string
	truncated bool
}

// handler keeps the frames it gets.
type handler struct {
	// onFrame and onFlush say what else happens. They and due are set before the session receives, and then belong to
	// it. onFlush has to see to due; nil: nothing is due any more.
	onFrame func(data []byte) error
	onFlush func() error
	due     time.Time

	mu      sync.Mutex
	frames  []received
	reads   []time.Time // of frames
	flushes []time.Time
}

func (h *handler) Frame(data []byte, read time.Time, truncated bool) error {
	h.mu.Lock()
	h.frames = append(h.frames, received{string(data), truncated})
	h.reads = append(h.reads, read)
	h.mu.Unlock()
	if h.onFrame != nil {
		return h.onFrame(data)
	}
	return nil
}

func (h *handler) Due() time.Time { return h.due }

func (h *handler) Flush() error {
	h.mu.Lock()
	h.flushes = append(h.flushes, time.Now())
	h.mu.Unlock()
	if h.onFlush != nil {
		return h.onFlush()
	}
	h.due = time.Time{}
	return nil
}

// got lists the frames so far.
func (h *handler) got() []received {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.frames)
}

// flushed lists when there was a flush.
func (h *handler) flushed() []time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.flushes)
}

// texts lists the contents of the frames so far.
func (h *handler) texts() []string {
	var list []string
	for _, f := range h.got() {
		list = append(list, f.data)
	}
	return list
}
