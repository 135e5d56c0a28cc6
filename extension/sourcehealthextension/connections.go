package sourcehealthextension

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

const (
	// maxConnections is how many connections the page holds, or a quarter of the files that the process may open, if that
	// is less: the rest are for the sources.
	maxConnections = 256
	// minConnections is what a browser needs.
	minConnections = 8
	// writeBuffer is how many bytes the system holds for a client that does not read. It is small, so that such a client
	// is soon known.
	writeBuffer = 16 << 10
	// maxHeaderBytes bounds what a request can make the page remember.
	maxHeaderBytes = 64 << 10
)

// client is who asks: an address, a /64 of IPv6, or this machine, whose reverse proxy asks for many.
type client string

const thisMachine client = "this machine"

// clientOf returns the client at a remote address.
func clientOf(remote string) client {
	address, err := netip.ParseAddrPort(remote)
	if err != nil { // a Unix socket
		return thisMachine
	}
	ip := address.Addr().Unmap().WithZone("")
	if ip.IsLoopback() {
		return thisMachine
	}
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return client(prefix.String())
		}
	}
	return client(ip.String())
}

// share is how many of so many one client may have: a quarter, or three quarters of this machine.
func (c client) share(of int) int {
	if c == thisMachine {
		return of * 3 / 4
	}
	return of / 4
}

// connections holds the connections of the page to a limit, in all and for each client. One too many takes the place of
// the oldest that waits: half-open, or idle. It is closed itself where none does. It is safe for concurrent use.
type connections struct {
	limit int

	mu   sync.Mutex
	open map[net.Conn]*connection
	used uint64 // grows with every use
}

// connection is one of them.
type connection struct {
	client   client
	requests int    // that are being answered; 0: it waits
	used     uint64 // when it was opened, or waits since
}

type connectionKey struct{}

func newConnections() *connections {
	return &connections{limit: max(minConnections, min(maxConnections, maxFiles()/4)), open: map[net.Conn]*connection{}}
}

// limitServer holds a server to the limits.
func (c *connections) limitServer(server *http.Server) {
	server.MaxHeaderBytes = maxHeaderBytes
	server.ConnContext = c.enter
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			c.leave(conn)
		}
	}
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(connectionKey{}).(*connection); ok {
			c.answer(conn, 1)
			defer c.answer(conn, -1)
		}
		next.ServeHTTP(w, r)
	})
}

// enter takes a connection in, before its first byte is read.
func (c *connections) enter(ctx context.Context, conn net.Conn) context.Context {
	if socket, ok := socketOf(conn).(*net.TCPConn); ok {
		_ = socket.SetWriteBuffer(writeBuffer) // else it is the system's, and a client that does not read is known later
	}
	entered := &connection{client: clientOf(conn.RemoteAddr().String())}
	if surplus := c.add(conn, entered); surplus != nil {
		_ = socketOf(surplus).Close() // not TLS's close, which can wait for the client
	}
	return context.WithValue(ctx, connectionKey{}, entered)
}

// add returns the connection that has to go, if any: an older one, or the new one.
func (c *connections) add(conn net.Conn, entered *connection) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used++
	entered.used = c.used
	ofClient := 0
	var oldest, oldestOfClient net.Conn
	for other, o := range c.open {
		if o.client == entered.client {
			ofClient++
		}
		if o.requests > 0 {
			continue
		}
		if oldest == nil || o.used < c.open[oldest].used {
			oldest = other
		}
		if o.client == entered.client && (oldestOfClient == nil || o.used < c.open[oldestOfClient].used) {
			oldestOfClient = other
		}
	}
	surplus := oldest
	switch {
	case ofClient >= entered.client.share(c.limit):
		surplus = oldestOfClient
	case len(c.open) < c.limit:
		c.open[conn] = entered
		return nil
	}
	if surplus == nil {
		return conn
	}
	delete(c.open, surplus)
	c.open[conn] = entered
	return surplus
}

func (c *connections) leave(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
}

// answer notes that so many more requests of a connection are being answered.
func (c *connections) answer(conn *connection, more int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used++
	conn.used = c.used
	conn.requests += more
}

// socketOf returns what a connection is below TLS.
func socketOf(conn net.Conn) net.Conn {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return conn
}
