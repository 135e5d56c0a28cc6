package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// The receiver takes the proxy of the environment, as every collector component does, and asks it for the service by
// name: where outbound traffic has to pass a proxy, the name often cannot be looked up.
func TestProxy_ofTheEnvironmentIsUsed(t *testing.T) {
	s := startService(t, podsim.Options{})
	target, err := url.Parse(s.url)
	require.NoError(t, err)
	p := startProxy(t, target.Host)
	const name = "logstream.proofpoint.com:443"
	s.url = "wss://" + name + podsim.Path

	s.Generate(podlog.Message, 10)
	b := startBackend(t)
	collector := startCollector(t, s, config(t, "otlp.yaml"), t.TempDir(), "",
		"OTLP_ENDPOINT="+b.URL, "HTTPS_PROXY=http://"+p.address, "NO_PROXY=127.0.0.1")
	b.waitCount(10)
	collector.stop()
	assert.Equal(t, []string{name, name}, p.asked(), "one session for each of two event types")
}

// proxy is an HTTP proxy that knows CONNECT, and leads wherever it is asked to go to one target.
type proxy struct {
	address string
	target  string

	mu    sync.Mutex
	names []string
	work  sync.WaitGroup
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := listen(t)
	require.NoError(t, err)
	p := &proxy{address: l.Addr().String(), target: target}
	p.work.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // closed at the end of the test
			}
			p.work.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.work.Wait()
	})
	return p
}

// serve answers one CONNECT and copies both ways until one side has ended.
func (p *proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	in := bufio.NewReader(client)
	request, err := http.ReadRequest(in)
	if err != nil || request.Method != http.MethodConnect {
		return
	}
	p.mu.Lock()
	p.names = append(p.names, request.Host)
	p.mu.Unlock()
	server, err := new(net.Dialer).DialContext(request.Context(), "tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server) // either end closes
		_ = client.Close()
	})
	_, _ = io.Copy(server, in)
	_ = server.Close()
	back.Wait()
}

// asked is the targets that clients named, in order.
func (p *proxy) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.names
}
