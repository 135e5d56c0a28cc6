package podsim

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// ProxyOptions says how a Proxy behaves. The zero value connects everybody to where they want to go.
type ProxyOptions struct {
	// Target is where every connection really goes. Default: to the address that is asked for.
	Target string
	// User and Password are asked for, unless User is empty: basic authentication for HTTP, RFC 1929 for SOCKS5.
	User, Password string
	// Hang takes connections and requests, and never answers.
	Hang bool
	// Dial reaches the target. Default: a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Proxy is an HTTP CONNECT and SOCKS5 proxy on one port: the first byte of a connection tells them apart. It owns
// its goroutines and connections; Close ends them all.
type Proxy struct {
	opts   ProxyOptions
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex // guards what follows
	open  map[io.Closer]bool
	asked []string
}

// NewProxy makes a Proxy. The caller must Close it.
func NewProxy(o ProxyOptions) *Proxy {
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Proxy{opts: o, ctx: ctx, cancel: cancel, open: make(map[io.Closer]bool)}
}

// Start takes connections from a listener, which it closes at the end. On a closed proxy it only closes it.
func (p *Proxy) Start(l net.Listener) {
	p.own(l, func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.own(conn, func() { p.serve(conn) })
		}
	})
}

// Close ends all connections and returns when every goroutine has ended. It may be called more than once.
func (p *Proxy) Close() {
	p.cancel()
	p.mu.Lock()
	open := p.open
	p.open = nil
	p.mu.Unlock()
	for c := range open {
		_ = c.Close() // nobody is left to hear of it
	}
	p.work.Wait()
}

// Asked lists the addresses of all connections that clients asked for, refused or not.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// own runs f in a goroutine and closes c when f returns or the proxy closes.
func (p *Proxy) own(c io.Closer, f func()) {
	p.mu.Lock()
	closed := p.open == nil
	if !closed {
		p.open[c] = true
		p.work.Add(1)
	}
	p.mu.Unlock()
	if closed {
		_ = c.Close()
		return
	}
	go func() {
		defer p.work.Done()
		f()
		_ = c.Close() // it may be closed already
		p.mu.Lock()
		delete(p.open, c)
		p.mu.Unlock()
	}()
}

// serve handles one client.
func (p *Proxy) serve(client net.Conn) {
	r := bufio.NewReader(client)
	first, err := r.Peek(1)
	if err != nil {
		return
	}
	if p.opts.Hang {
		_, _ = io.Copy(io.Discard, r) // until the client gives up
		return
	}
	connect := p.httpConnect
	if first[0] == socksVersion {
		connect = p.socksConnect
	}
	if server := connect(client, r); server != nil {
		p.relay(client, r, server)
	}
}

// dial reaches the target of a request for addr.
func (p *Proxy) dial(addr string) (net.Conn, error) {
	if p.opts.Target != "" {
		addr = p.opts.Target
	}
	return p.opts.Dial(p.ctx, "tcp", addr)
}

// ask notes what a client wants.
func (p *Proxy) ask(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, addr)
}

// httpConnect answers one CONNECT. It returns nil if the connection is not to be had.
func (p *Proxy) httpConnect(client net.Conn, r *bufio.Reader) net.Conn {
	no := func(status int, headers string) net.Conn {
		_, _ = fmt.Fprintf(client, "HTTP/1.1 %d %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n",
			status, http.StatusText(status), headers) // a client that is gone needs no answer
		return nil
	}
	req, err := http.ReadRequest(r)
	if err != nil {
		return no(http.StatusBadRequest, "")
	}
	p.ask(req.Host)
	switch {
	case req.Method != http.MethodConnect:
		return no(http.StatusMethodNotAllowed, "")
	case !p.authorized(req):
		return no(http.StatusProxyAuthRequired, "Proxy-Authenticate: Basic realm=\"podsim\"\r\n")
	}
	server, err := p.dial(req.Host)
	if err != nil {
		return no(http.StatusBadGateway, "")
	}
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = server.Close()
		return nil
	}
	return server
}

// authorized checks basic authentication, if there is to be any.
func (p *Proxy) authorized(req *http.Request) bool {
	if p.opts.User == "" {
		return true
	}
	scheme, value, _ := strings.Cut(req.Header.Get("Proxy-Authorization"), " ")
	want := base64.StdEncoding.EncodeToString([]byte(p.opts.User + ":" + p.opts.Password))
	return strings.EqualFold(scheme, "Basic") && value == want
}

// relay copies both ways until both have ended. Ends and resets pass through as what they are.
func (p *Proxy) relay(client net.Conn, fromClient io.Reader, server net.Conn) {
	done := make(chan struct{})
	p.own(server, func() {
		defer close(done)
		forward(client, server)
	})
	forward(server, struct{ io.Reader }{fromClient})
	select {
	case <-done:
	case <-p.ctx.Done():
	}
}

// forward copies one way.
func forward(to net.Conn, from io.Reader) {
	if _, err := io.Copy(to, from); err != nil {
		reset(to)
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // it may be closed already
	}
}
