package e2e

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// service is the simulated PoD Log Service, on a TLS port of its own, in the process of the test: so that the test can
// wait for it and knows every record that it had to tell.
type service struct {
	*podsim.Service
	t      *testing.T
	url    string
	caFile string
}

func startService(t *testing.T, opts podsim.Options) *service {
	t.Helper()
	listener, err := listen(t)
	require.NoError(t, err)
	return startServiceOn(t, listener, opts)
}

func startServiceOn(t *testing.T, listener net.Listener, opts podsim.Options) *service {
	t.Helper()
	ca, err := podsim.NewCA()
	require.NoError(t, err)
	tlsConfig, err := ca.ServerConfig()
	require.NoError(t, err)
	s := &service{Service: podsim.New(opts), t: t, caFile: file(t, "ca.pem", string(ca.PEM()))}
	t.Cleanup(s.Close)
	s.url = s.Start(listener, tlsConfig)
	return s
}

// closedDoor lets nobody in until it is opened: a connection is made, and nothing is heard on it.
type closedDoor struct {
	net.Listener
	opened chan struct{}
}

func (d *closedDoor) Accept() (net.Conn, error) {
	<-d.opened
	return d.Listener.Accept()
}

// startServiceBehindDoor starts a service that answers when letIn is called.
func startServiceBehindDoor(t *testing.T, opts podsim.Options) (s *service, letIn func()) {
	t.Helper()
	listener, err := listen(t)
	require.NoError(t, err)
	door := &closedDoor{Listener: listener, opened: make(chan struct{})}
	letIn = sync.OnceFunc(func() { close(door.opened) })
	s = startServiceOn(t, door, opts)
	t.Cleanup(letIn) // or it would never end
	return s, letIn
}

// waitFor waits until cond holds.
func (s *service) waitFor(cond func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	require.NoError(s.t, s.WaitFor(ctx, cond))
}

// waitLive waits until each of the event types has its session.
func (s *service) waitLive(types ...podlog.EventType) {
	s.t.Helper()
	s.waitFor(func() bool {
		for _, eventType := range types {
			if s.Live(eventType) != 1 {
				return false
			}
		}
		return true
	})
}

// waitWritten waits until all records were put on the wire.
func (s *service) waitWritten(types ...podlog.EventType) {
	s.t.Helper()
	s.waitFor(func() bool {
		stats := s.Stats()
		for _, eventType := range types {
			if stats[eventType].Written < stats[eventType].Produced {
				return false
			}
		}
		return true
	})
}

// produced is every record that the service had to tell.
func (s *service) produced(types ...podlog.EventType) []string {
	var all []string
	for _, eventType := range types {
		for _, record := range s.Produced(eventType) {
			all = append(all, string(record))
		}
	}
	return all
}
