package podlog_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// listen opens a port on the loopback interface, over real TCP.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// loopback is a simulated service on a real port, and a client that trusts it.
func loopback(t *testing.T) (*podsim.Service, *podlog.Client) {
	t.Helper()
	ca := newCA(t)
	serving, err := ca.ServerConfig()
	require.NoError(t, err)
	service := podsim.New(podsim.Options{})
	t.Cleanup(service.Close)
	endpoint, err := url.Parse(service.Start(listen(t), serving))
	require.NoError(t, err)
	client := newWorld(t).client
	client.Endpoint = endpoint
	client.TLS = &tls.Config{RootCAs: ca.Pool()}
	client.Dial = nil
	return service, client
}

// collectOne reads one record over a real connection and ends in order.
func collectOne(t *testing.T, service *podsim.Service, client *podlog.Client) {
	t.Helper()
	service.Push(podlog.Maillog, []byte(`{"id":"1"}`))
	session, err := client.Open(t.Context(), t.Context(), podlog.Maillog, podsimBearer())
	require.NoError(t, err)
	h := &handler{}
	h.onFrame = func([]byte) error {
		session.Finish()
		return nil
	}
	failed := asError(t, session.Receive(t.Context(), h))
	assert.Equal(t, "closed_1000", failed.Label())
	assert.Equal(t, []string{`{"id":"1"}`}, h.texts())
	assert.Equal(t, "client close", service.Sessions()[0].EndedBy)
}

func TestClient_collectsOverRealTCP(t *testing.T) {
	service, client := loopback(t)
	collectOne(t, service, client)
}

func TestClient_collectsOverRealTCPThroughAProxy(t *testing.T) {
	service, client := loopback(t)
	listener := listen(t)
	var proxy sync.WaitGroup
	proxy.Go(func() {
		conn, err := listener.Accept()
		if !assert.NoError(t, err) {
			return
		}
		p := newPeer(t, conn)
		defer p.Close()
		target := p.request().RequestURI
		onward, err := new(net.Dialer).DialContext(t.Context(), "tcp", target)
		if !assert.NoError(t, err) {
			return
		}
		defer onward.Close()
		p.say("HTTP/1.1 200 OK\r\n\r\n")
		proxy.Go(func() {
			_, _ = io.Copy(onward, p.r)
			_ = onward.(*net.TCPConn).CloseWrite()
		})
		_, _ = io.Copy(conn, onward)
	})
	through := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	client.Proxy = through
	collectOne(t, service, client)
	proxy.Wait()
}

func TestClient_findsARealPortClosed(t *testing.T) {
	_, client := loopback(t)
	listener := listen(t)
	client.Endpoint.Host = listener.Addr().String()
	require.NoError(t, listener.Close())
	_, err := client.Open(t.Context(), t.Context(), podlog.Message, bearer())
	failed := asError(t, err)
	assert.Equal(t, podlog.ReasonDial, failed.Reason)
	assert.Equal(t, "connecting to "+listener.Addr().String(), failed.Op)
}

func TestClient_isRefusedForItsCertificateOverRealTCP(t *testing.T) {
	ca := newCA(t)
	serving, err := ca.ServerConfig()
	require.NoError(t, err)
	serving.ClientAuth = tls.RequireAndVerifyClientCert
	serving.ClientCAs = ca.Pool()
	service := podsim.New(podsim.Options{})
	t.Cleanup(service.Close)
	endpoint, err := url.Parse(service.Start(listen(t), serving))
	require.NoError(t, err)
	client := newWorld(t).client
	client.Endpoint, client.TLS, client.Dial = endpoint, &tls.Config{RootCAs: ca.Pool()}, nil
	_, err = client.Open(context.Background(), context.Background(), podlog.Message, bearer())
	assert.Equal(t, podlog.ReasonNoClientCertificate, asError(t, err).Reason, err)
}
