package podsim

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// Pipe is a network of its own in memory: a net.Listener and the dialler that reaches it. Its connections behave
// like TCP, with a buffer of 64 KiB in each direction, half-closes, resets and deadlines, but all their waits are
// durable in the sense of testing/synctest. So a whole service, with TLS, runs in a bubble with its own time.
type Pipe struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// NewPipe makes a Pipe. In a synctest bubble it must be made inside the bubble.
func NewPipe() *Pipe {
	return &Pipe{accept: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for the next DialContext.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close refuses further connections. Those there are go on.
func (p *Pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr is a made-up address.
func (p *Pipe) Addr() net.Addr { return pipeAddr{} }

// DialContext connects to the listener, whatever the network and the address are. It fails as a closed port does if
// the listener is closed.
func (p *Pipe) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	client, server := newPipeConns()
	select {
	case p.accept <- server:
		return client, nil
	case <-p.closed:
		return nil, fmt.Errorf("dial %s %s in memory: %w", network, addr, syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, fmt.Errorf("dial %s %s in memory: %w", network, addr, ctx.Err())
	}
}

// pipeAddr is the address of everything in memory. It has the form of one on a network, since some code cuts it.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "127.0.0.1:443" }
