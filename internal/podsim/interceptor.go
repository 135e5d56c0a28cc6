package podsim

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
)

// Interceptor is a listener with somebody on the way to it, who takes connections in the place of the service: an
// inspecting gateway, a captive portal, or anybody who can write to the wire. Its methods may be called from any
// goroutine. It owns a goroutine for each connection that it takes; Close ends them.
type Interceptor struct {
	net.Listener
	work sync.WaitGroup

	mu    sync.Mutex // guards what follows
	now   *Interception
	taken map[net.Conn]bool // nil: closed
}

// Interception is what happens to a connection that is taken. The parts that are set are done in this order.
type Interception struct {
	// TLS does a TLS handshake with another certificate. nil: what follows is in plain text.
	TLS *tls.Config
	// Raw is written as it is when the client has sent something.
	Raw []byte
	// Answer is what an HTTP request is answered by. It makes sense only to a client that accepts the certificate.
	Answer string
}

// Alert is a fatal TLS alert in plain text, as anybody can write it before the handshake is done (RFC 8446, 6).
func Alert(description byte) []byte { return []byte{21, 3, 3, 0, 2, 2, description} }

// Intercept wraps a listener. All connections pass until [Interceptor.Take].
func Intercept(l net.Listener) *Interceptor {
	return &Interceptor{Listener: l, taken: make(map[net.Conn]bool)}
}

// Take takes all connections from now on.
func (i *Interceptor) Take(how Interception) { i.set(&how) }

// Pass lets all connections pass from now on.
func (i *Interceptor) Pass() { i.set(nil) }

func (i *Interceptor) set(how *Interception) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = how
}

// Accept returns the next connection that passes.
func (i *Interceptor) Accept() (net.Conn, error) {
	for {
		conn, err := i.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !i.take(conn) {
			return conn, nil
		}
	}
}

// take says whether a connection is taken, and starts to serve it if so.
func (i *Interceptor) take(conn net.Conn) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.now == nil {
		return false
	}
	if i.taken == nil { // closed
		_ = conn.Close()
		return true
	}
	how := *i.now
	i.taken[conn] = true
	i.work.Go(func() { i.serve(conn, how) })
	return true
}

// serve plays the service to a connection that was taken.
func (i *Interceptor) serve(conn net.Conn, how Interception) {
	defer func() {
		i.mu.Lock()
		delete(i.taken, conn)
		i.mu.Unlock()
		_ = conn.Close() // the client may have closed it
	}()
	peer := conn
	if how.TLS != nil {
		secured := tls.Server(conn, how.TLS)
		if secured.Handshake() != nil {
			return
		}
		peer = secured
	}
	in := bufio.NewReader(peer)
	if _, err := in.Peek(1); err != nil {
		return
	}
	if how.Raw != nil {
		_, _ = peer.Write(how.Raw) // a client that is gone needs no answer
		return
	}
	if _, err := http.ReadRequest(in); err != nil {
		return
	}
	_, _ = io.WriteString(peer, how.Answer) // a client that is gone needs no answer
}

// Close closes the listener and every connection that was taken.
func (i *Interceptor) Close() error {
	i.mu.Lock()
	taken := i.taken
	i.taken = nil
	i.mu.Unlock()
	for conn := range taken {
		_ = conn.Close()
	}
	err := i.Listener.Close()
	i.work.Wait()
	return err
}
