package podsim

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
)

// Start serves on a listener, which it closes at the end, and returns the URL to dial: `wss://`, or `ws://` without
// a TLS configuration, the listener's address, and Path. A service can be started on several listeners. On a closed
// service Start only closes the listener.
func (s *Service) Start(l net.Listener, tc *tls.Config) string {
	scheme := "ws://"
	if tc != nil {
		scheme = "wss://"
	}
	url := scheme + l.Addr().String() + Path
	if tc != nil {
		l = tls.NewListener(l, tc)
	}
	server := &http.Server{
		Handler:  s,
		ErrorLog: log.New(io.Discard, "", 0), // clients that break off are what this is for
		// Close waits for the goroutine of each connection, too. The first state comes while Serve runs.
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.work.Add(1)
			case http.StateClosed, http.StateHijacked:
				s.work.Done()
			}
		},
	}
	if !s.adopt(server) {
		_ = l.Close()
		return url
	}
	go func() {
		defer s.work.Done()
		_ = server.Serve(l) // it ends by Close, or with the listener
	}()
	return url
}

// adopt makes Close end a server and wait for it. It is false if the service is closed.
func (s *Service) adopt(server *http.Server) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.servers = append(s.servers, server)
	s.work.Add(1)
	return true
}
